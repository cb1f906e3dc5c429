module archipelago/standin

go 1.26
