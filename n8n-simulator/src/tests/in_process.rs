//! Many servers in one process, over sockets and without, which must make no difference.

use flowmastery_core::model::instance::InstanceUrl;

use super::*;
use crate::{History, InProcessN8n, Plan, SimulatedN8n, Simulator};

const DAY: Duration = Duration::from_secs(86_400);

/// Everything that collection can read of a server, or what is in the way.
async fn read(api: &dyn N8nApi, n8n: &SimulatedN8n) -> Vec<String> {
    let instance = n8n.instance();
    let mut seen = vec![describe(api.test(&instance).await), describe(api.workflows(&instance, None).await)];
    for status in [None, Some(Status::Running), Some(Status::Waiting), Some(Status::Error)] {
        let mut query = ExecutionQuery { status, ..ExecutionQuery::default() };
        loop {
            let page = api.executions(&instance, &query).await;
            query.cursor = page.as_ref().ok().and_then(|page| page.next.clone());
            seen.push(describe(page));
            if query.cursor.is_none() {
                break;
            }
        }
    }
    for id in [0, 1, 2, 300, 999_999] {
        seen.push(describe(api.execution(&instance, ExecutionId(id)).await));
    }
    seen
}

fn describe<T: std::fmt::Debug>(answer: Result<T, flowmastery_core::n8n::N8nError>) -> String {
    answer.map_or_else(|error| format!("{:?}", error.status), |answer| format!("{answer:?}"))
}

#[tokio::test]
async fn a_socket_makes_no_difference() {
    let simulator = Simulator::start().await.unwrap();
    let (http, in_process) = (client(), simulator.in_process());
    for dialect in [Dialect::V1, Dialect::V2] {
        for n8n in [simulator.add_instance(dialect), simulator.add_origin(dialect).await.unwrap()] {
            let plan = Plan { per_day: 700.0, ..Plan::default() };
            History::new(5, NOON, plan).advance(&mut n8n.state(), NOON.plus(DAY));
            n8n.state().clear_requests();
            let over_http = read(&http, &n8n).await;
            let requests = n8n.state().requests().to_vec();
            n8n.state().clear_requests();
            assert_eq!(read(&in_process, &n8n).await, over_http);
            assert_eq!(n8n.state().requests(), requests);
        }
    }
}

#[tokio::test]
async fn refusals_and_faults_are_the_same_without_a_socket() {
    let simulator = Simulator::start().await.unwrap();
    let n8n = simulator.add_instance(Dialect::V2);
    let (http, in_process) = (client(), simulator.in_process());
    for fault in [
        Fault::Unauthorized,
        Fault::Forbidden,
        Fault::Html200,
        Fault::Html404,
        Fault::Truncated,
        Fault::Endless,
    ] {
        n8n.state().set_fault(fault);
        assert_eq!(read(&in_process, &n8n).await, read(&http, &n8n).await, "{fault:?}");
    }
    // Over HTTP these are tried again only after a while; a test is never.
    for fault in [Fault::Status500, Fault::Status503, Fault::Closed] {
        n8n.state().set_fault(fault);
        let over_http = http.test(&n8n.instance()).await.unwrap_err().status;
        assert_eq!(in_process.test(&n8n.instance()).await.unwrap_err().status, over_http, "{fault:?}");
        n8n.state().fail_next(fault, 3);
        in_process.workflows(&n8n.instance(), None).await.unwrap();
    }
    let wrong = Instance { key: "another".into(), ..n8n.instance() };
    let refusal = in_process.workflows(&wrong, None).await.unwrap_err();
    assert_eq!(refusal.status, ConnectionStatus::AuthFailed);
    let nowhere = InProcessN8n::new().workflows(&wrong, None).await.unwrap_err();
    assert_eq!(nowhere.status, ConnectionStatus::Unreachable);
}

#[tokio::test]
async fn servers_of_one_process_know_nothing_of_each_other() {
    let simulator = Simulator::start().await.unwrap();
    let servers: Vec<SimulatedN8n> = (0..20).map(|_| simulator.add_instance(Dialect::V2)).collect();
    for (number, n8n) in servers.iter().enumerate() {
        n8n.state().set_key(&format!("key {number}"));
        n8n.state().add_workflow(&format!("Workflow of {number}"));
    }
    for (number, n8n) in servers.iter().enumerate() {
        let page = client().workflows(&n8n.instance(), None).await.unwrap();
        assert_eq!(page.items[0].name, format!("Workflow of {number}"));
    }
    let wrong = Instance { key: servers[1].key().into(), ..servers[0].instance() };
    assert_eq!(client().test(&wrong).await.unwrap_err().status, ConnectionStatus::AuthFailed);
}

#[tokio::test]
async fn things_can_happen_between_two_requests() {
    let api = InProcessN8n::new();
    let n8n = api.add_instance(Dialect::V2);
    let workflow = n8n.state().add_workflow("A");
    n8n.state().on_request(move |state, asked| {
        if asked.starts_with("/api/v1/executions") {
            state.add(Run::ended(&workflow, "success", NOON, 16));
        }
    });
    for rows in 1..4 {
        api.workflows(&n8n.instance(), None).await.unwrap();
        let page = api.executions(&n8n.instance(), &ExecutionQuery::default()).await.unwrap();
        assert_eq!(page.items.len(), rows);
    }
    n8n.state().clear_hook();
    let page = api.executions(&n8n.instance(), &ExecutionQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 3);
}

#[tokio::test]
async fn a_server_can_be_reached_at_another_address() {
    let api = InProcessN8n::new();
    let n8n = api.add_instance(Dialect::V2);
    n8n.state().add_workflow("A");
    let moved = Instance { url: InstanceUrl::parse("https://n8n.acme.com").unwrap(), ..n8n.instance() };
    assert!(api.workflows(&moved, None).await.is_err());
    api.alias(&moved.url, &n8n);
    for instance in [moved, n8n.instance()] {
        assert_eq!(api.workflows(&instance, None).await.unwrap().items.len(), 1);
    }
}
