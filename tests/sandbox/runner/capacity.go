package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// need is what an experiment asks for, or what a runner has left.
type need struct {
	cores  uint
	gpus   uint
	memory uint64
}

// capacity is what experiments may use at the same time.
type capacity struct {
	mu   sync.Mutex
	free need
}

func (c *capacity) fits(n need) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fitsLocked(n)
}

func (c *capacity) fitsLocked(n need) bool {
	return n.cores <= c.free.cores && n.gpus <= c.free.gpus && n.memory <= c.free.memory
}

func (c *capacity) take(n need) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fitsLocked(n) {
		return false
	}
	c.free = need{cores: c.free.cores - n.cores, gpus: c.free.gpus - n.gpus, memory: c.free.memory - n.memory}
	return true
}

func (c *capacity) giveBack(n need) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = need{cores: c.free.cores + n.cores, gpus: c.free.gpus + n.gpus, memory: c.free.memory + n.memory}
}

// machineCapacity takes everything of the machine where MAX_CORES or MAX_MEM is 0.
func machineCapacity(maxCores uint, maxMemory string, gpus uint) *capacity {
	free := need{cores: maxCores, gpus: gpus}
	if free.cores == 0 {
		free.cores = uint(runtime.NumCPU())
	}
	if free.memory, _ = parseBytes(maxMemory); free.memory == 0 {
		free.memory = machineMemory()
	}
	return &capacity{free: free}
}

func machineMemory() uint64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "MemTotal:" {
			kib, _ := strconv.ParseUint(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// parseBytes reads sizes as people write them: 512mb, 10Gib, 0gb.
func parseBytes(text string) (uint64, error) {
	lower := strings.ToLower(strings.TrimSpace(text))
	digits := strings.TrimRight(lower, "bikmgt ")
	value, err := strconv.ParseFloat(digits, 64)
	if err != nil || value < 0 {
		return 0, fmt.Errorf("%q is no size", text)
	}
	units := map[string]float64{
		"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
		"ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20, "gi": 1 << 30, "gib": 1 << 30, "ti": 1 << 40, "tib": 1 << 40,
	}
	factor, known := units[strings.TrimSpace(lower[len(digits):])]
	if !known {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return uint64(value * factor), nil
}
