package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// seedBatch is how many objects go in one transaction: etcd's own limit is 128 operations.
const seedBatch = 100

// seed writes objects into the store as the API server would have stored them, past the API server: a cluster of 100,000
// pods is there in seconds. The file has a line of JSON for each, `{"key": "pods/NAMESPACE/NAME", "object": {…}}`; nothing
// about them is checked.
func seed(ctx context.Context, etcd *embed.Etcd, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	client := v3client.New(etcd.Server)
	decoder := legacyscheme.Codecs.UniversalDeserializer()
	encoder := protobuf.NewSerializer(legacyscheme.Scheme, legacyscheme.Scheme)
	var batch []clientv3.Op
	commit := func() error {
		_, err := client.Txn(ctx).Then(batch...).Commit()
		batch = batch[:0]
		return err
	}
	lines := bufio.NewReaderSize(file, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return commit()
		}
		if err != nil && err != io.EOF {
			return err
		}
		var item struct {
			Key    string          `json:"key"`
			Object json.RawMessage `json:"object"`
		}
		if err := json.Unmarshal(line, &item); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		object, _, err := decoder.Decode(item.Object, nil, nil)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		var stored bytes.Buffer
		if err := encoder.Encode(object, &stored); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		batch = append(batch, clientv3.OpPut("/registry/"+strings.TrimPrefix(item.Key, "/"), stored.String()))
		if len(batch) == seedBatch {
			if err := commit(); err != nil {
				return err
			}
		}
	}
}
