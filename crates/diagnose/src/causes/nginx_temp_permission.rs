use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx buffers large answers and uploads in its own temp directories, and those belong to another user: after a
    /// change of `user`, or of the package. Large answers are cut with status 200, uploads get 500.
    /// # How to tell
    /// `open() "…/proxy/4/00/0000000004" failed (13: Permission denied) while reading upstream`.
    /// # Fix
    /// Give nginx's temp directories to the workers' user.
    /// # Not this if
    /// The path is not one of nginx's temp directories, or the errno is 28 (disk-full).
    pub static NGINX_TEMP_PERMISSION = {
        id: "nginx-temp-permission",
        title: "nginx may not write its own temp files",
        group: Group::Permission,
        class: Class::Auto,
        share_of: share_of,
        phrases: &[("proxy_temp", 40), ("fastcgi_temp", 40), ("client_body_temp", 40)],
        effect_of: &[],
        settled_by: ("see who owns nginx's temp directories", "nginx -V 2>&1 | tr \" \" \"\\n\" | grep temp-path; ls -ld /var/lib/nginx/*"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TempFile { errno: 13, .. } => 97,
        _ => 0,
    }
}
