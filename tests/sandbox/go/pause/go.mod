module studioml.fleet/sandbox/pause

go 1.26.0
