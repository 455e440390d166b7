//! The layer that insists on a permission before a service.

use flowmastery_core::access::permission::Permission;
use tower_layer::Layer;

use super::RequirePermission;

/// Insists on a permission before a service; see the [module](super).
#[derive(Clone, Copy, Debug)]
pub struct RequirePermissionLayer {
    permission: Permission,
}

impl RequirePermissionLayer {
    /// Lets only actors with `permission` pass.
    pub const fn new(permission: Permission) -> Self {
        Self { permission }
    }
}

impl<S> Layer<S> for RequirePermissionLayer {
    type Service = RequirePermission<S>;

    fn layer(&self, inner: S) -> RequirePermission<S> {
        RequirePermission::new(inner, self.permission)
    }
}
