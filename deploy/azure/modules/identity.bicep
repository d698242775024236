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

// A service account may have dots and 253 characters, the name of a credential neither. One that fits stays as it is: a credential that is
// deployed already would otherwise be made a second time, and Azure takes a subject once.
var plainName = '${kubernetesNamespace}-${serviceAccount}'
var fits = length(plainName) <= 120 && !contains(plainName, '.')
var uniqueName = '${take(replace(plainName, '.', '-'), 106)}-${uniqueString(kubernetesNamespace, serviceAccount)}'

resource credential 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = {
  parent: identity
  name: fits ? plainName : uniqueName
  properties: {
    issuer: issuer
    subject: 'system:serviceaccount:${kubernetesNamespace}:${serviceAccount}'
    audiences: ['api://AzureADTokenExchange']
  }
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
