package main

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
)

const nvidiaVendor = "0x10de"

// findGPUs lists the identifiers of the NVIDIA display controllers in a PCI tree (class 0x03....; their audio and
// USB functions and NVSwitches are of other classes), sorted by address.
func findGPUs(pciRoot, procRoot string) []string {
	entries, err := os.ReadDir(filepath.Join(pciRoot, "devices"))
	if err != nil {
		return nil
	}
	found := []string{}
	for _, entry := range entries {
		directory := filepath.Join(pciRoot, "devices", entry.Name())
		if readWord(directory, "vendor") != nvidiaVendor || !strings.HasPrefix(readWord(directory, "class"), "0x03") {
			continue
		}
		found = append(found, identifier(procRoot, entry.Name()))
	}
	sort.Strings(found)
	return found
}

// identifier is the GPU's UUID where the driver's proc tree (simulated too) tells it, else made of the PCI address.
func identifier(procRoot, address string) string {
	content, err := os.ReadFile(filepath.Join(procRoot, "driver/nvidia/gpus", address, "information"))
	if err == nil {
		for _, line := range strings.Split(string(content), "\n") {
			key, value, _ := strings.Cut(line, ":")
			if strings.TrimSpace(key) == "GPU UUID" && strings.TrimSpace(value) != "" {
				return strings.TrimSpace(value)
			}
		}
	}
	return "GPU-simulated-" + address
}

func readWord(directory, name string) string {
	content, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}
