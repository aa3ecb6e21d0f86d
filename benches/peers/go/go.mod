module hookspool/benches/peers/go

go 1.19
