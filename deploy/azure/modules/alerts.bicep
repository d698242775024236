// The chart's alerts, as rule groups of Azure Monitor: alerts.json is made of the chart's rules by `make chart-docs`. They see every bridge of the
// workspace, or of one cluster: deploy them once for each.
param location string = resourceGroup().location
param tags object = {}
param monitorWorkspaceId string
@description('Only the bridges of this cluster. Without it, all that the workspace knows of.')
param clusterName string = ''
param actionGroupIds string[] = []
@description('Alerts to leave out, by name.')
param disabled string[] = []

var groups = loadJsonContent('../alerts.json').groups
var actions = map(actionGroupIds, it => { actionGroupId: it })

resource ruleGroups 'Microsoft.AlertsManagement/prometheusRuleGroups@2023-03-01' = [for group in groups: {
  name: empty(clusterName) ? group.name : '${group.name}-${clusterName}'
  location: location
  tags: tags
  properties: {
    description: 'Alerts on the Kafka to Event Hubs bridge. What each means and what to do: docs/runbooks.md of the project.'
    enabled: true
    interval: 'PT1M'
    scopes: [monitorWorkspaceId]
    clusterName: empty(clusterName) ? null : clusterName
    rules: map(group.rules, it => union(it, { enabled: !contains(disabled, it.alert), actions: actions }))
  }
}]
