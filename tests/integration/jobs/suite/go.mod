module example.org/suite

go 1.21
