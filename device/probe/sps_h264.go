package probe

// pictureSize is a coded picture after cropping, in pixels.
type pictureSize struct{ width, height int }

// maxSide bounds what is believed of a picture's side: above it the bytes are no parameter set.
const maxSide = 1 << 16

func (p pictureSize) plausible() bool {
	return p.width > 0 && p.height > 0 && p.width < maxSide && p.height < maxSide
}

// h264SPS reads the picture size from a sequence parameter set NAL unit with its header,
// ITU-T H.264 §7.3.2.1.1; false if it is none.
func h264SPS(nal []byte) (pictureSize, bool) {
	if len(nal) < 5 || nal[0]&0x80 != 0 || nal[0]&0x1f != 7 {
		return pictureSize{}, false
	}
	b := &bitReader{data: nal[1:]}
	profile := b.u(8)
	b.skip(16) // constraint flags, level_idc
	b.ue()     // seq_parameter_set_id
	chroma := h264Chroma(b, profile)
	b.ue() // log2_max_frame_num_minus4
	h264OrderCount(b)
	b.ue()    // max_num_ref_frames
	b.skip(1) // gaps_in_frame_num_value_allowed_flag
	widthMbs, heightUnits := b.ue()+1, b.ue()+1
	fields := uint32(1) // 2 - frame_mbs_only_flag
	if !b.flag() {
		fields = 2
		b.skip(1) // mb_adaptive_frame_field_flag
	}
	b.skip(1) // direct_8x8_inference_flag
	if widthMbs > maxSide/16 || heightUnits > maxSide/16 {
		return pictureSize{}, false
	}
	p := pictureSize{int(widthMbs) * 16, int(heightUnits*fields) * 16}
	p = p.crop(b, chroma, int(fields))
	return p, !b.bad && p.plausible()
}

// h264Chroma reads what only the high profiles carry and returns chroma_format_idc.
func h264Chroma(b *bitReader, profile uint32) uint32 {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
	default:
		return 1
	}
	chroma := b.ue()
	lists := 8
	if chroma == 3 {
		lists = 12
		if b.flag() { // separate_colour_plane_flag: cropped like monochrome, §7.4.2.1.1
			chroma = 0
		}
	}
	b.ue()    // bit_depth_luma_minus8
	b.ue()    // bit_depth_chroma_minus8
	b.skip(1) // qpprime_y_zero_transform_bypass_flag
	if b.flag() {
		h264ScalingLists(b, lists)
	}
	return chroma
}

// h264ScalingLists passes over them, §7.3.2.1.1.1.
func h264ScalingLists(b *bitReader, lists int) {
	for i := range lists {
		if !b.flag() {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int32(8), int32(8)
		for range size {
			if next != 0 {
				next = (last + b.se() + 256) & 0xff
			}
			if next != 0 {
				last = next
			}
		}
	}
}

// h264OrderCount passes over the picture order count syntax.
func h264OrderCount(b *bitReader) {
	switch b.ue() {
	case 0:
		b.ue() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		b.skip(1)
		b.se()
		b.se()
		for n := min(b.ue(), 255); n > 0 && !b.bad; n-- {
			b.se()
		}
	}
}

// crop reads the cropping rectangle and applies it in the units of §7.4.2.1.1.
func (p pictureSize) crop(b *bitReader, chroma uint32, fields int) pictureSize {
	if !b.flag() {
		return p
	}
	x, y := chromaUnits(chroma)
	y *= fields
	left, right, top, bottom := b.ue(), b.ue(), b.ue(), b.ue()
	if left|right|top|bottom >= maxSide {
		b.bad = true
		return p
	}
	p.width -= int(left+right) * x
	p.height -= int(top+bottom) * y
	return p
}

// chromaUnits returns SubWidthC and SubHeightC for a chroma_format_idc, ITU-T H.264 table 6-1.
func chromaUnits(chroma uint32) (x, y int) {
	switch chroma {
	case 1:
		return 2, 2
	case 2:
		return 2, 1
	}
	return 1, 1
}
