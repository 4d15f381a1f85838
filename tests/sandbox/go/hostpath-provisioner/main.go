// The hostpath provisioner of the sandbox: the same library and the same behaviour as the one that MicroK8s ships
// (any access mode, sizes not enforced, one directory per claim, a volume stays on its node).
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisionerName = "microk8s.io/hostpath"

type hostpath struct {
	directory string
	node      string
}

func main() {
	directory := flag.String("directory", "/var/snap/microk8s/common/default-storage", "where the volumes' directories are made")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *directory); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, directory string) error {
	configuration, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	client, err := kubernetes.NewForConfig(configuration)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	provisioner := &hostpath{directory: directory, node: os.Getenv("NODE_NAME")}
	controller.NewProvisionController(ctx, client, provisionerName, provisioner, controller.LeaderElection(false)).Run(ctx)
	return nil
}

// Provision makes the directory when it is on this node; on another node the kubelet makes it with the first pod.
func (h *hostpath) Provision(_ context.Context, options controller.ProvisionOptions) (*core.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC
	path := filepath.Join(h.directory, fmt.Sprintf("%s-%s-%s", claim.Namespace, claim.Name, options.PVName))
	node := options.SelectedNodeName
	if node == "" {
		node = h.node
	}
	if node == h.node {
		if err := os.MkdirAll(path, 0o777); err != nil {
			return nil, controller.ProvisioningFinished, err
		}
		if err := os.Chmod(path, 0o777); err != nil {
			return nil, controller.ProvisioningFinished, err
		}
	}
	kind := core.HostPathDirectoryOrCreate
	volume := &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: options.PVName},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			PersistentVolumeSource:        core.PersistentVolumeSource{HostPath: &core.HostPathVolumeSource{Path: path, Type: &kind}},
			NodeAffinity:                  onNode(node),
		},
	}
	log.Printf("made volume %s at %s on node %s", options.PVName, path, node)
	return volume, controller.ProvisioningFinished, nil
}

// Delete removes the directory where it lies on this node.
func (h *hostpath) Delete(_ context.Context, volume *core.PersistentVolume) error {
	log.Printf("removing volume %s at %s", volume.Name, volume.Spec.HostPath.Path)
	return os.RemoveAll(volume.Spec.HostPath.Path)
}

func onNode(name string) *core.VolumeNodeAffinity {
	return &core.VolumeNodeAffinity{Required: &core.NodeSelector{NodeSelectorTerms: []core.NodeSelectorTerm{{
		MatchExpressions: []core.NodeSelectorRequirement{{
			Key: core.LabelHostname, Operator: core.NodeSelectorOpIn, Values: []string{name},
		}},
	}}}}
}
