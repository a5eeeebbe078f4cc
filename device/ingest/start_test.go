package ingest

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func mustTime(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// realNames are names as recorders and cameras make them; the box is in Berlin. "" means the name tells no time.
var realNames = []struct{ path, want string }{
	{"front/01-20261122075501.mp4", "2026-11-22T06:55:01Z"},                                           // Motion %v-%Y%m%d%H%M%S
	{"01-20261122075501-05.mkv", "2026-11-22T06:55:01Z"},                                              // Motion with %q
	{"cam/2026-11-22_07-55-01-123456.mp4", "2026-11-22T06:55:01.123456Z"},                             // MediaMTX %f
	{"cam/2026-11-22_07-55-01.mp4", "2026-11-22T06:55:01Z"},                                           //
	{"Camera1/2026-11-22/07-55-01.mp4", "2026-11-22T06:55:01Z"},                                       // motionEye
	{"2026-11-22/07/front/55.01.mp4", "2026-11-22T07:55:01Z"},                                         // Frigate, UTC
	{"exports/front_20261122_075501-20261122_080501_abcdef.mp4", "2026-11-22T06:55:01Z"},              // Frigate export
	{"clips/front-1795330501.123456-abc123.mp4", "2026-11-22T06:55:01.123456Z"},                       // Frigate clip
	{"rpi/20261122T075501+0100.mp4", "2026-11-22T06:55:01Z"},                                          // strftime %z
	{"rpi/20261122T075501+05:30.h264", "2026-11-22T02:25:01Z"},                                        //
	{"rpi/20261122T075501Z.mp4", "2026-11-22T07:55:01Z"},                                              //
	{"rpi/2026-11-22T07:55:01Z.mp4", "2026-11-22T07:55:01Z"},                                          //
	{"rpi/2026-11-22T07:55:01.250Z.mp4", "2026-11-22T07:55:01.25Z"},                                   //
	{"rpi/2026-11-22_07-55-01_UTC.mp4", "2026-11-22T07:55:01Z"},                                       //
	{"vi_0001_20261122_075501.mp4", "2026-11-22T06:55:01Z"},                                           // RPi_Cam_Web_Interface
	{"TeslaCam/SavedClips/2026-11-22_08-05-44/2026-11-22_07-55-01-front.mp4", "2026-11-22T06:55:01Z"}, // Tesla
	{"Mp4Record/2026-11-22/RecM01_20261122_075501_075601_6732D38_1A2B3C.mp4", "2026-11-22T06:55:01Z"}, // Reolink
	{"RLC-410_00_20261122075501.mp4", "2026-11-22T06:55:01Z"},                                         // Reolink FTP
	{"192.168.1.64_01_20261122075501123_TIMING.mp4", "2026-11-22T06:55:01.123Z"},                      // Hikvision
	{"2026-11-22/001/dav/07/07.55.01-07.56.01[M][0@0][0].mp4", "2026-11-22T06:55:01Z"},                // Dahua
	{"record/20261122/07/55.mp4", "2026-11-22T06:55:00Z"},                                             // Wyze
	{"2026112207/55M01S_1795330501.mp4", "2026-11-22T06:55:01Z"},                                      // Xiaomi
	{"2026112207/55M01S.mp4", "2026-11-22T06:55:01Z"},                                                 //
	{"20261122_075501_tp00001.mp4", "2026-11-22T06:55:01Z"},                                           // Tapo
	{"20261122_075501_EF.mp4", "2026-11-22T06:55:01Z"},                                                // BlackVue
	{"NO20261122-075501-000123.MP4", "2026-11-22T06:55:01.000123Z"},                                   // 70mai
	{"2026_1122_075501_001A.MP4", "2026-11-22T06:55:01Z"},                                             // Viofo
	{"1795330501_6-967003_camera_200-200-400-400_24_769.mp4", "2026-11-22T06:55:01Z"},                 // Kerberos
	{"kerberos/1795330501250.mp4", "2026-11-22T06:55:01.25Z"},                                         // milliseconds
	{"recording_20261122_075501.mp4", "2026-11-22T06:55:01Z"},                                         // lightNVR
	{"2026-11-22/07:55:01.mp4", "2026-11-22T06:55:01Z"},                                               // Viseron
	{"Cam1.20261122_075501.mp4", "2026-11-22T06:55:01Z"},                                              // Blue Iris
	{"2026-11-22T07-55-01.mp4", "2026-11-22T06:55:01Z"},                                               // Shinobi
	{"1_2026-11-22_07-55-01_123.mp4", "2026-11-22T06:55:01.123Z"},                                     // Agent DVR
	{"2026-11-22 07-55-01.mkv", "2026-11-22T06:55:01Z"},                                               // OBS
	{"Screen Recording 2026-11-22 at 07.55.01.mov", "2026-11-22T06:55:01Z"},                           // macOS
	{"VID_20261122_075501.mp4", "2026-11-22T06:55:01Z"},                                               // Android
	{"2026/11/22/07-55-01.mp4", "2026-11-22T06:55:01Z"},                                               //
	{"2026/11/22/07/55/x.mp4", ""},                                                                    // minute as a folder
	{"2026/11/22/07/5501.mp4", "2026-11-22T06:55:01Z"},                                                //
	{"2026-11-22/07/05-01.mp4", "2026-11-22T06:05:01Z"},                                               // hour folder first
	{"front/2026-11-22/07/07-55-01.mp4", "2026-11-22T06:55:01Z"},                                      // or repeated
	{"2026-11-22_07h55m01s.mp4", "2026-11-22T06:55:01Z"},                                              //
	{"cam_2026_11_22_07_55_01.mp4", "2026-11-22T06:55:01Z"},                                           //
	{"cam_2026-11-22_07-55.mp4", "2026-11-22T06:55:00Z"},                                              // to the minute
	{"cam_20261122_075501-0001.ts", "2026-11-22T06:55:01Z"},                                           // serial number
	{"cam_20261122_075501-0100.ts", "2026-11-22T06:55:01Z"},                                           // or zone: nearest
	{"1920x1080_20261122_075501.mp4", "2026-11-22T06:55:01Z"},                                         //
	{"2026-11-22_23-59-60.mp4", "2026-11-22T23:00:00Z"},                                               // leap second
	{"2026-11-22/12345/12345-video.mp4", ""},                                                          // ZoneMinder
	{"2026-11-22-0001.mp4", ""},                                                                       // serial number
	{"2026-11-22/0001.mp4", ""},                                                                       //
	{"2026-02-30_07-55-01.mp4", ""},                                                                   // no such day
	{"2026-13-01_07-55-01.mp4", ""},                                                                   //
	{"2026-11-22_25-00-01.mp4", ""},                                                                   //
	{"2026112207550112.mp4", ""},                                                                      // too many digits
	{"clip-1234567890.mp4", ""},                                                                       // a serial number, not 2009
	{"movie.mp4", ""},                                                                                 //
	{"GH010123.MP4", ""},                                                                              // GoPro
	{"\xff\xfe20261122_075501\xff.mp4", "2026-11-22T06:55:01Z"},                                       //
}

func TestNameTimes(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	near := mustTime(t, "2026-11-22T06:55:30Z")
	for _, test := range realNames {
		got, ok := nearestName(test.path, near, berlin)
		if test.want == "" {
			if ok {
				t.Errorf("%q: read %v, want no time", test.path, got.UTC())
			}
			continue
		}
		if want := mustTime(t, test.want); !ok || !got.Equal(want) {
			t.Errorf("%q: read %v (%v), want %v", test.path, got.UTC(), ok, want)
		}
	}
}

// The night of 25 October 2026 has 02:00-03:00 twice in Berlin, that of 29 March none.
func TestNameTimesAcrossSummerTime(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	tests := []struct{ name, mtime, want string }{
		{"2026-10-25_01-59-59", "2026-10-25T00:00:30Z", "2026-10-24T23:59:59Z"},
		{"2026-10-25_02-30-00", "2026-10-25T00:31:00Z", "2026-10-25T00:30:00Z"}, // first time, summer
		{"2026-10-25_02-30-00", "2026-10-25T01:31:00Z", "2026-10-25T01:30:00Z"}, // second time, winter
		{"2026-10-25_03-00-00", "2026-10-25T02:01:00Z", "2026-10-25T02:00:00Z"},
		{"2026-03-29_01-59-59", "2026-03-29T01:00:30Z", "2026-03-29T00:59:59Z"},
		{"2026-03-29_02-30-00", "2026-03-29T01:31:00Z", "2026-03-29T01:30:00Z"}, // shifted to 03:30 summer time
		{"2026-03-29_03-00-00", "2026-03-29T01:01:00Z", "2026-03-29T01:00:00Z"},
		{"2026-10-25_02-30-00-0500", "2026-10-25T07:31:00Z", "2026-10-25T07:30:00Z"}, // a zone, not a serial number
		{"2026-10-25_02-30-00Z", "2026-10-25T02:31:00Z", "2026-10-25T02:30:00Z"},
		{"2026-10-25_02-30-00+0200", "2026-10-25T01:31:00Z", "2026-10-25T00:30:00Z"},
	}
	for _, test := range tests {
		got, ok := nearestName(test.name+".mp4", mustTime(t, test.mtime), berlin)
		if !ok || !got.Equal(mustTime(t, test.want)) {
			t.Errorf("%s near %s: %v (%v), want %s", test.name, test.mtime, got.UTC(), ok, test.want)
		}
	}
}

func TestStart(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	const named, unnamed = "cam/2026-11-22_07-55-01.mp4", "cam/x.mp4" // 06:55:01Z
	tests := []struct {
		why, path, mtime string
		duration         time.Duration
		created          string
		local            bool
		want, source     string
	}{
		{"nothing but mtime", unnamed, "2026-11-22T07:00:00Z", time.Minute, "", false, "2026-11-22T06:59:00Z", fromMtime},
		{"name", named, "2026-11-22T06:56:02Z", time.Minute, "", false, "2026-11-22T06:55:01Z", fromName},
		{"name, file copied later", named, "2026-12-24T00:00:00Z", time.Minute, "", false, "2026-11-22T06:55:01Z", fromName},
		{"container agrees", named, "2026-11-22T06:56:02Z", time.Minute, "2026-11-22T06:55:03Z", false, "2026-11-22T06:55:03Z", fromContainer},
		{"container in local time as UTC", named, "2026-11-22T06:56:02Z", time.Minute, "2026-11-22T07:55:02Z", false, "2026-11-22T06:55:01Z", fromName},
		{"the same without a name", unnamed, "2026-11-22T06:56:02Z", time.Minute, "2026-11-22T07:55:02Z", false, "2026-11-22T06:55:02Z", fromMtime},
		{"off by 5:45 (Kathmandu)", unnamed, "2026-11-22T06:56:02Z", time.Minute, "2026-11-22T12:40:02Z", false, "2026-11-22T06:55:02Z", fromMtime},
		{"container of the epoch", named, "2026-11-22T06:56:02Z", time.Minute, "1970-01-01T00:00:00Z", false, "2026-11-22T06:55:01Z", fromName},
		{"container 25 h off", unnamed, "2026-11-22T06:56:02Z", time.Minute, "2026-11-23T08:02:00Z", false, "2026-11-22T06:55:02Z", fromMtime},
		{"container 7 minutes off", unnamed, "2026-11-22T06:56:02Z", time.Minute, "2026-11-22T06:48:00Z", false, "2026-11-22T06:48:00Z", fromContainer},
		{"container tells the end", unnamed, "2026-11-22T07:00:00Z", 5 * time.Minute, "2026-11-22T07:00:00Z", false, "2026-11-22T06:55:00Z", fromMtime},
		{"container agrees with mtime, name is foreign", "cam/2020-01-01_00-00-00.mp4", "2026-11-22T06:56:02Z", time.Minute, "2026-11-22T06:55:03Z", false, "2026-11-22T06:55:03Z", fromContainer},
		{"wall clock of an AVI", unnamed, "2026-11-22T06:56:02Z", time.Minute, "2026-11-22T07:55:02Z", true, "2026-11-22T06:55:02Z", fromContainer},
	}
	for _, test := range tests {
		what := told{path: test.path, mtime: mustTime(t, test.mtime), duration: test.duration, local: test.local}
		if test.created != "" {
			what.created = mustTime(t, test.created)
		}
		got, source := what.start(berlin)
		if !got.Equal(mustTime(t, test.want)) || source != test.source {
			t.Errorf("%s: %v from %s, want %s from %s", test.why, got, source, test.want, test.source)
		}
	}
}

func FuzzNameTimes(f *testing.F) {
	for _, test := range realNames {
		f.Add(test.path, int64(1795330530))
	}
	berlin := mustZone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, path string, mtime int64) {
		near := time.Unix(mtime%(1<<33), 0)
		for _, s := range nameTimes(path) {
			if y := s.wall.Year(); y < minYear || y > maxYear+1 {
				t.Fatalf("%q: year %d", path, y)
			}
			if s.east.Abs() > 15*time.Hour {
				t.Fatalf("%q: %v east", path, s.east)
			}
		}
		one, ok := nearestName(path, near, berlin)
		two, again := nearestName(path, near, berlin)
		if ok != again || !one.Equal(two) {
			t.Fatalf("%q: %v, then %v", path, one, two)
		}
	})
}
