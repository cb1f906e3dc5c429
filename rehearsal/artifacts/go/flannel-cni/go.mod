module archipelago.internal/flannel-cni

go 1.24
