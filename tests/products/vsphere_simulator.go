// Serves govmomi's simulator of a vCenter (vcenter) or of a single host (esxi) on loopback, over
// TLS, to one user; says on its first line where.
package main

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"os"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	model := simulator.VPX()
	if os.Args[1] == "esxi" {
		model = simulator.ESX()
	}
	if err := model.Create(); err != nil {
		panic(err)
	}
	user := url.UserPassword(os.Args[2], os.Args[3])
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0", User: user}
	model.Service.TLS = new(tls.Config)
	fmt.Println(model.Service.NewServer().URL.Host)
	os.Stdin.Read(make([]byte, 1)) // until whoever started it is gone
}
