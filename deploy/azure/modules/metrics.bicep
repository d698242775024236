// Where the metrics go: an Azure Monitor workspace, and the rule by which the cluster's agent sends them there. The names are those that
// `az aks update --enable-azure-monitor-metrics` looks for, so that it takes them up instead of making its own.
param name string
param location string = resourceGroup().location
param tags object = {}
@description('A workspace to use. Without it, one is made.')
param monitorWorkspaceId string = ''
param clusterName string

var destination = 'MonitoringAccount1'
var stream = 'Microsoft-PrometheusMetrics'

resource workspace 'Microsoft.Monitor/accounts@2023-04-03' = if (empty(monitorWorkspaceId)) {
  name: name
  location: location
  tags: tags
}

resource endpoint 'Microsoft.Insights/dataCollectionEndpoints@2023-03-11' = {
  name: take('MSProm-${location}-${clusterName}', 44)
  location: location
  tags: tags
  kind: 'Linux'
  properties: {}
}

resource rule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: take('MSProm-${location}-${clusterName}', 64)
  location: location
  tags: tags
  kind: 'Linux'
  properties: {
    dataCollectionEndpointId: endpoint.id
    dataSources: {
      prometheusForwarder: [
        {
          name: 'PrometheusDataSource'
          streams: [stream]
          labelIncludeFilter: {}
        }
      ]
    }
    destinations: {
      monitoringAccounts: [
        {
          name: destination
          accountResourceId: empty(monitorWorkspaceId) ? workspace.id : monitorWorkspaceId
        }
      ]
    }
    dataFlows: [
      {
        streams: [stream]
        destinations: [destination]
      }
    ]
  }
}

output monitorWorkspaceId string = empty(monitorWorkspaceId) ? workspace.id : monitorWorkspaceId
output dataCollectionRuleId string = rule.id
