// Writes events of a watch of pods as an API server sends them, by Kubernetes' own code: a pod, in JSON too, of which the
// agent must read the same in both forms, a bookmark and a refusal. Run it in this folder with the modules of the API server of tests/e2e:
//
//	go run -C ../../e2e/apiserver "$PWD/main.go" "$PWD"
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func main() {
	always := v1.ContainerRestartPolicyAlways
	begun := metav1.NewTime(time.Unix(1_600_000_000, 0).UTC())
	gone := metav1.NewTime(time.Unix(1_700_000_000, 0).UTC())
	grace := int64(30)
	port := func(name string, number int32, protocol v1.Protocol) v1.ContainerPort {
		return v1.ContainerPort{Name: name, HostPort: 1, ContainerPort: number, Protocol: protocol, HostIP: "192.0.2.1"}
	}
	// What policy reads, and around it what it does not.
	pod := &v1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "p", GenerateName: "p-", Namespace: "x", UID: "0-1", ResourceVersion: "7", Generation: 3,
			CreationTimestamp: begun, DeletionTimestamp: &gone, DeletionGracePeriodSeconds: &grace,
			Labels:          map[string]string{"app": "web", "tier": ""},
			Annotations:     map[string]string{"a": "b"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "p", UID: "2"}},
			Finalizers:      []string{"f"},
			ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubelet", Operation: "Update"}},
		},
		Spec: v1.PodSpec{
			Volumes: []v1.Volume{{Name: "v"}},
			InitContainers: []v1.Container{
				{Name: "once", Image: "i"},
				{Name: "sidecar", RestartPolicy: &always, Ports: []v1.ContainerPort{port("early", 82, v1.ProtocolUDP)}},
			},
			Containers: []v1.Container{{
				Name: "c", Image: "i", Command: []string{"run"},
				Ports: []v1.ContainerPort{port("http", 80, v1.ProtocolTCP), port("", 81, v1.ProtocolSCTP)},
				LivenessProbe: &v1.Probe{ProbeHandler: v1.ProbeHandler{
					TCPSocket: &v1.TCPSocketAction{Port: intstr.FromInt32(80)},
				}},
			}},
			RestartPolicy: v1.RestartPolicyAlways, DNSPolicy: v1.DNSDefault, ServiceAccountName: "default",
			NodeName: "n", HostNetwork: true, HostPID: true, Hostname: "h",
		},
		Status: v1.PodStatus{
			Phase: v1.PodRunning, Message: "m", Reason: "r", HostIP: "192.0.2.1",
			HostIPs:    []v1.HostIP{{IP: "192.0.2.1"}},
			PodIP:      "10.0.0.1",
			PodIPs:     []v1.PodIP{{IP: "10.0.0.1"}, {IP: "2001:db8::1"}},
			Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}},
		},
	}
	kind := metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	end := map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	bookmark := &v1.Pod{TypeMeta: kind, ObjectMeta: metav1.ObjectMeta{ResourceVersion: "8", Annotations: end}}
	refusal := &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Message: "too old", Reason: metav1.StatusReasonExpired, Code: 410,
		Details: &metav1.StatusDetails{Name: "n", RetryAfterSeconds: 3},
	}
	write("pod.event", event("MODIFIED", pod))
	write("bookmark.event", event("BOOKMARK", bookmark))
	write("error.event", event("ERROR", refusal))
	text, err := json.MarshalIndent(pod, "", "  ")
	must(err)
	write("pod.json", append(text, '\n'))
}

func event(happened string, object runtime.Object) []byte {
	var raw bytes.Buffer
	must(protobuf.NewSerializer(nil, nil).Encode(object, &raw))
	event := metav1.WatchEvent{Type: happened, Object: runtime.RawExtension{Raw: raw.Bytes()}}
	whole, err := event.Marshal()
	must(err)
	return whole
}

func write(name string, content []byte) {
	must(os.WriteFile(filepath.Join(os.Args[1], name), content, 0o644))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
