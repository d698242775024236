// A private endpoint of the namespace, and its name in the virtual network: NAME.servicebus.windows.net then resolves to an address of the subnet.
param name string
param location string = resourceGroup().location
param tags object = {}
param eventHubsNamespaceId string
param subnetId string
@description('Virtual network whose machines resolve the name. Without it, somebody else sees to the zone.')
param virtualNetworkId string = ''

resource endpoint 'Microsoft.Network/privateEndpoints@2024-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          privateLinkServiceId: eventHubsNamespaceId
          groupIds: ['namespace']
        }
      }
    ]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = if (!empty(virtualNetworkId)) {
  name: 'privatelink.servicebus.windows.net'
  location: 'global'
  tags: tags
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = if (!empty(virtualNetworkId)) {
  parent: zone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: virtualNetworkId
    }
  }
}

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-07-01' = if (!empty(virtualNetworkId)) {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'eventhubs'
        properties: {
          privateDnsZoneId: zone.id
        }
      }
    ]
  }
}
