package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const rescanInterval = 5 * time.Second

// plugin is the kubelet's view of the simulated GPUs.
type plugin struct {
	api.UnimplementedDevicePluginServer
	list func() []string
	done chan struct{}
}

func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

// ListAndWatch tells the kubelet the devices now and whenever the PCI tree has changed.
func (p *plugin) ListAndWatch(_ *api.Empty, stream api.DevicePlugin_ListAndWatchServer) error {
	ticker := time.NewTicker(rescanInterval)
	defer ticker.Stop()
	var told []string
	for first := true; ; first = false {
		if now := p.list(); first || !slices.Equal(now, told) {
			log.Printf("offering %d simulated GPUs as %s: %s", len(now), resourceName, strings.Join(now, ", "))
			if err := stream.Send(&api.ListAndWatchResponse{Devices: healthy(now)}); err != nil {
				return err
			}
			told = now
		}
		select {
		case <-p.done:
			return nil
		case <-stream.Context().Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Allocate answers as NVIDIA's plug-in does by default: the devices are named in the container's environment.
func (p *plugin) Allocate(_ context.Context, request *api.AllocateRequest) (*api.AllocateResponse, error) {
	response := &api.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		response.ContainerResponses = append(response.ContainerResponses, &api.ContainerAllocateResponse{
			Envs: map[string]string{
				"NVIDIA_VISIBLE_DEVICES":   strings.Join(container.DevicesIds, ","),
				"NVIDIA_DEVICES_SIMULATED": "true",
			},
		})
	}
	return response, nil
}

func healthy(identifiers []string) []*api.Device {
	devices := make([]*api.Device, 0, len(identifiers))
	for _, id := range identifiers {
		devices = append(devices, &api.Device{ID: id, Health: api.Healthy})
	}
	return devices
}

// offer serves the plug-in and registers it, until the kubelet was restarted (it makes its socket anew and removes
// the plug-ins' ones); the caller calls again.
func offer(ctx context.Context, socketDirectory string, list func() []string) error {
	kubeletSocket := filepath.Join(socketDirectory, "kubelet.sock")
	before, err := os.Stat(kubeletSocket)
	if err != nil {
		return fmt.Errorf("the kubelet's socket is not there: %w", err)
	}
	ownSocket := filepath.Join(socketDirectory, socketName)
	if err := os.Remove(ownSocket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", ownSocket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	served := &plugin{list: list, done: make(chan struct{})}
	api.RegisterDevicePluginServer(server, served)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	defer close(served.done)
	if err := register(ctx, kubeletSocket); err != nil {
		return fmt.Errorf("registering at %s: %w", kubeletSocket, err)
	}
	for ctx.Err() == nil {
		now, err := os.Stat(kubeletSocket)
		if _, own := os.Stat(ownSocket); err != nil || own != nil || !os.SameFile(before, now) {
			log.Print("the kubelet was restarted: registering again")
			return nil
		}
		wait(ctx, time.Second)
	}
	return nil
}

func register(ctx context.Context, kubeletSocket string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	connection, err := grpc.NewClient("unix://"+kubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	_, err = api.NewRegistrationClient(connection).Register(ctx, &api.RegisterRequest{
		Version: api.Version, Endpoint: socketName, ResourceName: resourceName, Options: &api.DevicePluginOptions{},
	})
	return err
}
