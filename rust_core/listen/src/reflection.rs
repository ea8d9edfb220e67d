//! Server reflection: what the listener serves, told from the committed descriptor sets.

use tonic::service::Routes;
use tonic_reflection::server::{Builder, Error};

/// Envoy's ext_authz v3 with everything it imports.
const EXT_AUTHZ: &[u8] = include_bytes!("../../../proto/third_party/ext_authz.binpb");

// A question of the protocol is a name; nobody needs more.
const QUESTION_BYTES: usize = 65_536;

/// Adds reflection, in the version that clients ask for and in the one before.
pub(crate) fn add(routes: Routes) -> Result<Routes, Error> {
    let v1 = described().build_v1()?.max_decoding_message_size(QUESTION_BYTES);
    let v1alpha = described().build_v1alpha()?.max_decoding_message_size(QUESTION_BYTES);
    Ok(routes.add_service(v1).add_service(v1alpha))
}

fn described() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(EXT_AUTHZ)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
