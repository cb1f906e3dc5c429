module archipelago.internal/pause

go 1.24
