package main

import (
	"errors"
	"os"
	"strings"
)

// countGPUs reads what the device plug-in gave the container. CUDA_VISIBLE_DEVICES wins over NVIDIA_VISIBLE_DEVICES.
func countGPUs(lookup func(string) (string, bool)) uint {
	value, present := lookup("CUDA_VISIBLE_DEVICES")
	if !present {
		value, _ = lookup("NVIDIA_VISIBLE_DEVICES")
	}
	switch strings.TrimSpace(value) {
	case "", "none", "void", "NoDevFiles", "-1":
		return 0
	case "all":
		return max(1, listedGPUs("/proc/driver/nvidia/gpus"))
	}
	count := uint(0)
	for device := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(device) != "" {
			count++
		}
	}
	return count
}

func listedGPUs(directory string) uint {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return 0
	}
	return uint(len(entries))
}

// requireGPU is the check at start-up of a runner that was built for GPUs.
func requireGPU(c *config, gpus uint, log *logger) error {
	if gpus > 0 || c.cpuOnly {
		return nil
	}
	if c.debug {
		log.warn("no GPU found, going on because of DEBUG")
		return nil
	}
	return errors.New("no GPU found: neither CUDA_VISIBLE_DEVICES nor NVIDIA_VISIBLE_DEVICES names one. " +
		"Give the container a limit nvidia.com/gpu, or set CPU_ONLY=true")
}
