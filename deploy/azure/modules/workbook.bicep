// The chart's dashboard as a workbook of Azure Monitor: workbook.json is made of the dashboard by `make chart-docs`.
param location string = resourceGroup().location
param tags object = {}
param monitorWorkspaceId string
param displayName string = 'Kafka to Event Hubs bridge'

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, displayName)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: displayName
    sourceId: monitorWorkspaceId
    version: 'Notebook/1.0'
    serializedData: replace(loadTextContent('../workbook.json'), 'MONITOR_WORKSPACE_ID', monitorWorkspaceId)
  }
}
