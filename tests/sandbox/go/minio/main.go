// The S3 server of the sandbox: MinIO from its module, in a module of our own that pins what it is built from.
package main

import (
	"os"

	minio "github.com/minio/minio/cmd"
)

func main() {
	minio.Main(os.Args)
}
