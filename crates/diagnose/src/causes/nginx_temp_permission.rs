use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    case::errno,
    cause::{Group, Told, cause},
    evidence::quote,
    words::nginx_said,
};
use logscan::{Complaint, Trouble};
use std::path::Path;

cause! {
    /// # What happens
    /// nginx buffers large answers and uploads in its own temp directories, and those belong to another user: after a
    /// change of `user`, or of the package. Large answers are cut with status 200, uploads get 500.
    /// # How to tell
    /// `open() "…/proxy/4/00/0000000004" failed (13: Permission denied) while reading upstream`.
    /// nginx itself gives its temp directories to the workers' user at each start, reload and test (ngx_create_paths), not
    /// what is above them or the numbered directories in them.
    /// # Fix
    /// Give nginx's temp directories to the workers' user, and let it pass the directories above them.
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
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["nginx-temp-permission"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TempFile { errno: 13, .. } => 97,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((symptom, path)) = forbidden(case) else {
        return Opinion::none();
    };
    let user = case.worker_user();
    Opinion {
        subject: path.display().to_string(),
        says: format!("nginx's workers ({user}) may not write {}", path.display()),
        evidence: vec![Evidence::supports(
            Rank::Decisive,
            nginx_said(symptom),
            Source::path(path),
        )],
    }
}

/// The last of its temp files that nginx could not open, and where it would be.
fn forbidden(case: &Case) -> Option<(&Symptom, &Path)> {
    let last = case
        .having(|trouble| {
            matches!(
                trouble,
                Trouble::TempFile {
                    errno: errno::EACCES,
                    ..
                }
            )
        })
        .max_by_key(|symptom| symptom.last)?;
    match last.trouble()? {
        Trouble::TempFile { path, .. } => Some((last, path.parent().unwrap_or(path))),
        _ => None,
    }
}

fn advise(case: &Case) -> String {
    let Some((_, path)) = forbidden(case) else {
        return String::new();
    };
    let dir = quote(&path.to_string_lossy());
    let user = quote(case.worker_user());
    format!(
        "see which directory shuts them out (namei -l {dir}); let {user} pass each above (chmod o+x) and own what is in it \
         (chown -R {user} {dir})"
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let found = forbidden(case).zip(case.route.as_ref().map(|route| route.nginx).or(Some(0)));
    let remedy = found.map(|((_, path), nginx)| {
        let title = format!("give {} to nginx's workers", path.display());
        Remedy::ask(
            title,
            vec![Measure::NginxTemp {
                nginx,
                at: path.to_owned(),
            }],
        )
        .unattended_if(true)
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn temp(errno: i32) -> Trouble {
        Trouble::TempFile {
            errno,
            path: "/var/lib/nginx/body/0000000001".into(),
        }
    }

    #[test]
    fn fires_by_nginxs_own_word() {
        for fixture in [Fixture::php_fpm(), Fixture::gunicorn()] {
            let fixture = fixture.complains(temp(13), Phase::Other);
            fixture.check("found nginx-temp-permission");
        }
    }

    #[test]
    fn a_full_disk_is_another_matter() {
        Fixture::php_fpm()
            .complains(temp(28), Phase::Other)
            .check("found disk-full");
    }
}
