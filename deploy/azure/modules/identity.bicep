// The identity of the pods: no secret, only that a token of this cluster for this service account counts as it. At most 20 may be
// federated with one identity, and they must not be made side by side.
param name string
param location string = resourceGroup().location
param tags object = {}
@description('OIDC issuer of the cluster.')
param issuer string
param kubernetesNamespace string
param serviceAccount string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

resource credential 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = {
  parent: identity
  name: '${kubernetesNamespace}-${serviceAccount}'
  properties: {
    issuer: issuer
    subject: 'system:serviceaccount:${kubernetesNamespace}:${serviceAccount}'
    audiences: ['api://AzureADTokenExchange']
  }
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
