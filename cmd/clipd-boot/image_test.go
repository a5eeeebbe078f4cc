package main

import (
	"strings"
	"testing"

	"clipd/store"
)

// An image knows no host name: the box's name or the end of its id gives one, and a copied card is named anew.
func TestTheHostOfAnImageIsNamed(t *testing.T) {
	d := newBoard(t)
	d.again = "/data/system"
	d.mustTake()
	id, _, err := store.BoxID(d.at(stateDir), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := d.text("/etc/hostname"); got != "clipd-"+id[8:]+"\n" {
		t.Errorf("the host is %q, the box %q", got, id)
	}
	if d.there(d.again + "/hostname") {
		t.Error("a name that nobody chose is kept")
	}
	d.write(firmwareDir+"/clipd.toml", "name = \"Café am Tor!\"\n")
	d.mustTake()
	if got := d.text("/etc/hostname"); got != "Caf-am-Tor\n" {
		t.Errorf("the box has a name, and the host is %q", got)
	}
	d.write(firmwareDir+"/clipd.toml", "[first_boot]\nhostname = \"gate\"\n")
	d.mustTake()
	d.mustTake()
	if got := d.text("/etc/hostname"); got != "gate\n" {
		t.Errorf("a name was chosen, and the host is %q", got)
	}
}

// Where /etc remembers, the host has the name its owner gave it.
func TestTheHostOfASystemKeepsItsName(t *testing.T) {
	d := newBoard(t)
	d.mustTake()
	if d.there("/etc/hostname") {
		t.Errorf("the host was renamed: %q", d.text("/etc/hostname"))
	}
}

func TestWhatImagerSetsIsTakenBesideTheFile(t *testing.T) {
	d := newBoard(t)
	d.again = "/data/system"
	d.write(firmwareDir+"/clipd.toml", "name = \"porch\"\n")
	d.write(firmwareDir+"/imager.toml", "[first_boot]\nhostname = \"gate\"\nwifi_ssid = \"home\"\nwifi_password = \""+strings.Repeat("0f", 32)+"\"\n")
	d.mustTake()
	if got := d.text(configFile); got != "name = \"porch\"\n" {
		t.Errorf("kept: %q", got)
	}
	if got := d.text("/etc/hostname"); got != "gate\n" {
		t.Errorf("the host is %q", got)
	}
	if got := d.text(profiles + "/" + profile + ".nmconnection"); !strings.Contains(got, "psk="+strings.Repeat("0f", 32)) {
		t.Errorf("the profile is\n%s", got)
	}
	for _, name := range names {
		if d.there(firmwareDir + "/" + name) {
			t.Errorf("%s is still on the boot partition", name)
		}
	}
}

func TestNoDataPartitionIsAProblem(t *testing.T) {
	d := newBoard(t)
	const told = "the data partition /dev/mmcblk0p3 cannot be mounted"
	d.write("/run/clipd-data-problem", told+"\n")
	if err := d.take(); err == nil || !strings.Contains(err.Error(), told) {
		t.Errorf("take says %v", err)
	}
	if got := d.text(stateDir + "/" + problemFile); got != told+"\n" {
		t.Errorf("clipd is told %q", got)
	}
}
