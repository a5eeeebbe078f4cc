package store
import ("testing")
func BenchmarkTmp(b *testing.B) {
	s := openBench(b, b.TempDir())
	fillTo(b, s, 0, 20000)
	s.Close()
	s = openBench(b, s.Dir)
	for k := 0; k < 3; k++ { 
	println("ADD")
	apply(b, s, Add(benchClip(20000+k), Live))
	println("CURSOR", written(b))
	apply(b,s,SetCursor("announcer", 1)) 
	println("DONE", written(b))
	}
}
