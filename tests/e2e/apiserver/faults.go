package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// faulty answers agents as the file `faults` says, as long as it is there: its content is `CODE` or `CODE SECONDS`, the
// latter for Retry-After. Everybody else is served as always. The file `refused` gets a line for each such answer, the
// time in seconds and the path.
func faulty(access *access, next http.Handler) http.Handler {
	var lock sync.Mutex
	refused := func(path string) {
		lock.Lock()
		defer lock.Unlock()
		file, err := os.OpenFile(access.path("refused"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		defer file.Close()
		fmt.Fprintf(file, "%.3f %s\n", float64(time.Now().UnixMilli())/1000, path)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		text, err := os.ReadFile(access.path("faults"))
		if err != nil || !strings.HasPrefix(request.UserAgent(), "palisade/") {
			next.ServeHTTP(w, request)
			return
		}
		code, seconds := http.StatusInternalServerError, 0
		n, _ := fmt.Sscan(string(text), &code, &seconds)
		if n == 2 {
			w.Header().Set("Retry-After", fmt.Sprint(seconds))
		}
		refused(request.URL.Path)
		http.Error(w, "a fault of a test", code)
	})
}
