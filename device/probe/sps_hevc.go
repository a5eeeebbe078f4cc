package probe

// hevcSPS reads the picture size from a sequence parameter set NAL unit with its header,
// ITU-T H.265 §7.3.2.2.1; false if it is none.
func hevcSPS(nal []byte) (pictureSize, bool) {
	if len(nal) < 8 || nal[0]&0x80 != 0 || nal[0]>>1&0x3f != 33 {
		return pictureSize{}, false
	}
	b := &bitReader{data: nal[2:]}
	b.skip(4) // sps_video_parameter_set_id
	subLayers := int(b.u(3))
	b.skip(1) // sps_temporal_id_nesting_flag
	hevcProfileTierLevel(b, subLayers)
	b.ue() // sps_seq_parameter_set_id
	chroma := b.ue()
	if chroma == 3 && b.flag() { // separate_colour_plane_flag
		chroma = 0
	}
	width, height := b.ue(), b.ue()
	if width >= maxSide || height >= maxSide {
		return pictureSize{}, false
	}
	p := pictureSize{int(width), int(height)}
	p = p.crop(b, chroma, 1) // conformance_window_flag and its offsets read as in H.264
	return p, !b.bad && p.plausible()
}

// hevcProfileTierLevel passes over profile_tier_level(1, subLayers), ITU-T H.265 §7.3.3.
func hevcProfileTierLevel(b *bitReader, subLayers int) {
	b.skip(88 + 8) // general profile, tier and constraints; general_level_idc
	if subLayers == 0 {
		return
	}
	var profile, level [8]bool
	for i := range subLayers {
		profile[i], level[i] = b.flag(), b.flag()
	}
	b.skip(2 * (8 - subLayers))
	for i := range subLayers {
		if profile[i] {
			b.skip(88)
		}
		if level[i] {
			b.skip(8)
		}
	}
}
