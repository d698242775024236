// Has the cluster's agent send its metrics. Deploy it to the cluster's resource group.
param clusterName string
param dataCollectionRuleId string

resource cluster 'Microsoft.ContainerService/managedClusters@2025-05-01' existing = {
  name: clusterName
}

resource association 'Microsoft.Insights/dataCollectionRuleAssociations@2023-03-11' = {
  name: 'ContainerInsightsMetricsExtension'
  scope: cluster
  properties: {
    description: 'Metrics of the cluster go to Azure Monitor. Without this association they do not.'
    dataCollectionRuleId: dataCollectionRuleId
  }
}
