// Two hubs on Standard, which grows to ten throughput units by itself. docs/azure.md says how to choose the numbers.
using 'main.bicep'

param name = 'shop-events'
param hubs = [
  { name: 'orders', partitions: 8, retentionHours: 72 }
  { name: 'payments', partitions: 4 }
]
param clusterName = 'shop-aks'
param kubernetesNamespace = 'orders'
param serviceAccount = 'orders-kafka-eventhubs-bridge'
