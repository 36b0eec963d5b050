//! Any bytes as supplemental information: never a panic, and user data that is written reads the same, whatever is in
//! it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::domain::stream::VideoCodec;
use vcops::wire::nal::{self, PictureReader, UserData};

fuzz_target!(|bytes: &[u8]| {
    for (codec, head) in [(VideoCodec::H264, &[6][..]), (VideoCodec::H265, &[39 << 1, 1])] {
        let unit = [&[0, 0, 0, 1], head, bytes].concat();
        let _ = nal::user_data(codec, &unit);
        let _ = PictureReader::new(codec).read(&unit);
        if let Some((uuid, data)) = bytes.split_first_chunk::<16>() {
            let said = UserData { uuid: *uuid, data: data.to_vec() };
            let unit = nal::user_data_unit(codec, &said);
            let access_unit = nal::insert_before_pictures(codec, &[0, 0, 1, 0x65, 1], &unit);
            assert_eq!(nal::user_data(codec, &access_unit), [said]);
        }
    }
});
