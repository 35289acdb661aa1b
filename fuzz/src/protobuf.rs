//! A watch of pods as protobuf: the first byte is into how long pieces it is cut.

use watcher::agent::cluster::untrusted;

/// Reads. Frames hang on no cut, and the text of a pod is that of the pod that was told of.
pub fn judge(bytes: &[u8]) {
    let [piece, stream @ ..] = bytes else { return };
    if let Err(wrong) = untrusted::protobuf(usize::from(*piece), stream) {
        panic!("{wrong}");
    }
}
