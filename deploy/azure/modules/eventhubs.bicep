// The namespace and its hubs. Geo-replication is a property of the namespace, so it is decided here.
param name string
param location string = resourceGroup().location
param tags object = {}
param hubs hub[]
@allowed(['Basic', 'Standard', 'Premium'])
param sku string = 'Standard'
param capacity int = 1
param maximumThroughputUnits int = 10
@description('On Premium: regions beside `location` that hold a copy, data included.')
param replicaLocations string[] = []
@description('0, or 300 to 86400: five minutes to a day.')
@minValue(0)
@maxValue(86400)
param maxReplicationLagSeconds int = 300
@description('Keys and connection strings may be used.')
param localAuth bool = false
@description('Without it, only private endpoints lead in.')
param publicAccess bool = true

type hub = {
  name: string
  partitions: int
  retentionHours: int?
}

var inflates = sku == 'Standard' && maximumThroughputUnits > capacity
var replicated = sku == 'Premium' && !empty(replicaLocations)
var secondaries = map(replicaLocations, it => { locationName: it, roleType: 'Secondary' })
resource namespace 'Microsoft.EventHub/namespaces@2026-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    tier: sku
    capacity: capacity
  }
  properties: {
    disableLocalAuth: !localAuth
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    isAutoInflateEnabled: inflates
    maximumThroughputUnits: inflates ? maximumThroughputUnits : 0
    geoDataReplication: replicated
      ? {
          maxReplicationLagDurationInSeconds: maxReplicationLagSeconds
          locations: concat([{ locationName: location, roleType: 'Primary' }], secondaries)
        }
      : null
  }
}

resource eventHubs 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = [for it in hubs: {
  parent: namespace
  name: it.name
  properties: {
    partitionCount: it.partitions
    retentionDescription: {
      cleanupPolicy: 'Delete'
      retentionTimeInHours: it.?retentionHours ?? 24
    }
  }
}]

output id string = namespace.id
output name string = namespace.name
output host string = '${name}.servicebus.windows.net'
