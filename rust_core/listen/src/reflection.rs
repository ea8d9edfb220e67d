//! Server reflection: what a listener serves, told from the committed descriptor sets.

use tonic::service::Routes;
use tonic_reflection::server::{Builder, Error};

/// Envoy's ext_authz v3 with everything it imports.
const EXT_AUTHZ: &[u8] = include_bytes!("../../../proto/third_party/ext_authz.binpb");

/// Serialised `google.protobuf.FileDescriptorSet`s of all that a listener serves: ext_authz v3,
/// health, reflection v1 and v1alpha. A file may stand in more than one.
#[must_use]
pub fn descriptor_sets() -> [&'static [u8]; 4] {
    [
        EXT_AUTHZ,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ]
}

// A question of the protocol is a name; nobody needs more.
const QUESTION_BYTES: usize = 65_536;

/// Adds reflection, in the version that clients ask for and in the one before.
pub(crate) fn add(routes: Routes) -> Result<Routes, Error> {
    let v1 = described().build_v1()?.max_decoding_message_size(QUESTION_BYTES);
    let v1alpha = described().build_v1alpha()?.max_decoding_message_size(QUESTION_BYTES);
    Ok(routes.add_service(v1).add_service(v1alpha))
}

fn described() -> Builder<'static> {
    descriptor_sets()
        .into_iter()
        .fold(Builder::configure(), Builder::register_encoded_file_descriptor_set)
        .include_reflection_service(false)
}
