// Package v1 stands in for github.com/tigera/operator/api/v1, which is not served as a module: the few names
// Submariner's route agent compiles against. It calls them on Calico networks only; here the network is flannel.
package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group Calico's operator serves.
var GroupVersion = schema.GroupVersion{Group: "operator.tigera.io", Version: "v1"}

// AddToScheme makes Installation known to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Installation{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// EncapsulationType is how Calico carries packets between nodes.
type EncapsulationType string

// EncapsulationIPIP is IP in IP, always.
const EncapsulationIPIP EncapsulationType = "IPIP"

func (e EncapsulationType) String() string { return string(e) }

// Installation describes a Calico installation.
type Installation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              InstallationSpec `json:"spec,omitempty"`
}

// InstallationSpec is the part of it Submariner reads.
type InstallationSpec struct {
	CalicoNetwork *CalicoNetworkSpec `json:"calicoNetwork,omitempty"`
}

// CalicoNetworkSpec lists the address pools.
type CalicoNetworkSpec struct {
	IPPools []IPPool `json:"ipPools,omitempty"`
}

// IPPool is one range of pod addresses.
type IPPool struct {
	Encapsulation EncapsulationType `json:"encapsulation,omitempty"`
}

// DeepCopyObject is what makes it a runtime.Object.
func (in *Installation) DeepCopyObject() runtime.Object {
	out := &Installation{TypeMeta: in.TypeMeta, Spec: in.Spec}
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if network := in.Spec.CalicoNetwork; network != nil {
		out.Spec.CalicoNetwork = &CalicoNetworkSpec{IPPools: append([]IPPool(nil), network.IPPools...)}
	}
	return out
}
