// The right to send to the namespace, or to one hub of it, and no other.
param namespaceName string
@description('Of the identity that sends.')
param principalId string
@description('One hub. Without it, all of the namespace.')
param hubName string = ''

// Azure Event Hubs Data Sender
var role = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2b629674-e913-4c01-ae53-ef4638d8f975')

resource namespace 'Microsoft.EventHub/namespaces@2026-01-01' existing = {
  name: namespaceName
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = if (!empty(hubName)) {
  parent: namespace
  name: empty(hubName) ? 'none' : hubName
}

resource onNamespace 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (empty(hubName)) {
  name: guid(namespace.id, principalId, role)
  scope: namespace
  properties: {
    roleDefinitionId: role
    principalId: principalId
    // Otherwise a new identity that not all of Entra ID knows yet fails the deployment.
    principalType: 'ServicePrincipal'
  }
}

resource onHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(hubName)) {
  name: guid(namespace.id, hubName, principalId, role)
  scope: hub
  properties: {
    roleDefinitionId: role
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
