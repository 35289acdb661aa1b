//! What the manifests do not say about the cluster: facts from `palisade.yaml`. A rule that needs one is silent
//! without it.

use std::sync::Arc;

use ipnet::IpNet;
use policy_lang::name::Labels;

/// Facts about the cluster; each may be missing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Environment {
    /// The addresses of pods.
    pub pod_cidrs: Vec<IpNet>,
    /// The virtual addresses of Services.
    pub service_cidrs: Vec<IpNet>,
    /// Who answers DNS.
    pub dns: Option<Dns>,
    /// Where the API server listens.
    pub api_server: Option<ApiServer>,
    /// Who forwards what comes in from outside.
    pub ingress_controllers: Vec<Pods>,
}

/// Pods by their namespace and labels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pods {
    /// The namespace.
    pub namespace: Arc<str>,
    /// Labels that they bear; none means every pod.
    pub labels: Labels,
}

/// Who answers DNS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dns {
    /// The pods.
    pub pods: Pods,
    /// The ports on the pods, 53 unless something else is written.
    pub ports: Vec<u16>,
}

/// Where the API server listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiServer {
    /// Its addresses.
    pub cidrs: Vec<IpNet>,
    /// Its port, behind the Service.
    pub port: u16,
}

/// The label of the pods that answer DNS where nothing is configured.
const DNS_LABEL: (&str, &str) = ("k8s-app", "kube-dns");

/// The port on which DNS is asked.
const DNS_PORT: u16 = 53;

impl Environment {
    /// Who answers DNS, configured or as most clusters have it.
    pub fn dns_or_usual(&self) -> Dns {
        let (key, value) = DNS_LABEL;
        self.dns.clone().unwrap_or_else(|| Dns {
            pods: Pods { namespace: "kube-system".into(), labels: [(key.into(), value.into())].into() },
            ports: vec![DNS_PORT],
        })
    }
}
