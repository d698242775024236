// All that the bridge needs in Azure around an AKS cluster that is there: a namespace with a hub for each topic, an identity for the pods with the
// right to send and no other, the namespace's private endpoint, the metrics of the cluster, alerts and a workbook. Nothing here holds a secret.
//
//   az deployment group create --resource-group RG --template-file deploy/azure/main.bicep --parameters deploy/azure/example.bicepparam
//
// The parts are modules that also stand alone. What comes out are the values of the chart. The walk by hand: docs/azure.md.
targetScope = 'resourceGroup'

@description('Name of the Event Hubs namespace, and the beginning of other names.')
@minLength(6)
@maxLength(50)
param name string

@description('Where.')
param location string = resourceGroup().location

@description('Tags of everything.')
param tags object = {}

@description('The hubs. `partitions` can be raised later on Premium and Dedicated only; `retentionHours` is 24 without it, and at most 168 on Standard.')
param hubs hub[]

type hub = {
  name: string
  partitions: int
  retentionHours: int?
}

@description('Basic has no geo-replication and events of 256 KB at most.')
@allowed(['Basic', 'Standard', 'Premium'])
param sku string = 'Standard'

@description('Throughput units of Standard, 1 to 40; processing units of Premium, 1 to 16.')
@minValue(1)
param capacity int = 1

@description('On Standard: where auto-inflate ends. It never deflates.')
param maximumThroughputUnits int = 10

@description('On Premium: regions that hold a copy of the namespace, data included.')
param replicaLocations string[] = []

@description('Seconds a copy may lag before the namespace refuses to take more: 0 copies before it acknowledges, 300 to 86400 copies after.')
@minValue(0)
@maxValue(86400)
param maxReplicationLagSeconds int = 300

@description('Keys and connection strings may be used. The bridge needs none.')
param localAuth bool = false

@description('Name of the AKS cluster. It needs its OIDC issuer and workload identity enabled.')
param clusterName string

@description('Its resource group, when it is another.')
param clusterResourceGroup string = resourceGroup().name

@description('Namespace the chart is installed in.')
param kubernetesNamespace string = 'orders'

@description('Service account of the pods: the full name of the release, such as `orders-kafka-eventhubs-bridge`.')
param serviceAccount string = 'orders-kafka-eventhubs-bridge'

@description('Subnet for a private endpoint of the namespace, which is then closed to the internet. Without it, there is none.')
param privateEndpointSubnetId string = ''

@description('Virtual network in which its name is to be resolved: that of the cluster.')
param virtualNetworkId string = ''

@description('An Azure Monitor workspace to use. Without it, one is made.')
param monitorWorkspaceId string = ''

@description('Groups to tell when an alert fires.')
param actionGroupIds string[] = []

var private = !empty(privateEndpointSubnetId)

resource cluster 'Microsoft.ContainerService/managedClusters@2025-05-01' existing = {
  name: clusterName
  scope: resourceGroup(clusterResourceGroup)
}

module eventHubs 'modules/eventhubs.bicep' = {
  name: '${name}-eventhubs'
  params: {
    name: name
    location: location
    tags: tags
    hubs: hubs
    sku: sku
    capacity: capacity
    maximumThroughputUnits: maximumThroughputUnits
    replicaLocations: replicaLocations
    maxReplicationLagSeconds: maxReplicationLagSeconds
    localAuth: localAuth
    publicAccess: !private
  }
}

module identity 'modules/identity.bicep' = {
  name: '${name}-identity'
  params: {
    name: '${name}-bridge'
    location: location
    tags: tags
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    kubernetesNamespace: kubernetesNamespace
    serviceAccount: serviceAccount
  }
}

module sender 'modules/sender.bicep' = {
  name: '${name}-sender'
  params: {
    namespaceName: eventHubs.outputs.name
    principalId: identity.outputs.principalId
  }
}

module privateLink 'modules/privatelink.bicep' = if (private) {
  name: '${name}-privatelink'
  params: {
    name: '${name}-eventhubs'
    location: location
    tags: tags
    eventHubsNamespaceId: eventHubs.outputs.id
    subnetId: privateEndpointSubnetId
    virtualNetworkId: virtualNetworkId
  }
}

module metrics 'modules/metrics.bicep' = {
  name: '${name}-metrics'
  params: {
    name: name
    location: location
    tags: tags
    monitorWorkspaceId: monitorWorkspaceId
    clusterName: clusterName
  }
}

// In the cluster's own resource group: an association belongs to what it is about.
module collection 'modules/collection.bicep' = {
  name: '${name}-collection'
  scope: resourceGroup(clusterResourceGroup)
  params: {
    clusterName: clusterName
    dataCollectionRuleId: metrics.outputs.dataCollectionRuleId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: '${name}-alerts'
  params: {
    location: location
    tags: tags
    monitorWorkspaceId: metrics.outputs.monitorWorkspaceId
    clusterName: clusterName
    actionGroupIds: actionGroupIds
  }
}

module workbook 'modules/workbook.bicep' = {
  name: '${name}-workbook'
  params: {
    location: location
    tags: tags
    monitorWorkspaceId: metrics.outputs.monitorWorkspaceId
  }
}

@description('For the TOML: `[eventhubs] namespace`.')
output namespaceHost string = eventHubs.outputs.host

@description('For the chart: `workloadIdentity.clientId`.')
output clientId string = identity.outputs.clientId

@description('For `az aks update --azure-monitor-workspace-resource-id`, which turns the add-on of the cluster on.')
output monitorWorkspaceId string = metrics.outputs.monitorWorkspaceId
