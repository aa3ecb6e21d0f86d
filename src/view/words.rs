//! The words of the pages, in English and Portuguese.

/// Defines the texts in both languages, so that none can be missing in one.
macro_rules! words {
    ($($name:ident: $english:literal, $portuguese:literal;)*) => {
        /// The texts of the pages in one language.
        #[derive(Debug)]
        pub(super) struct Words {
            $(pub(super) $name: &'static str,)*
        }

        pub(super) const ENGLISH: Words = Words { $($name: $english,)* };
        pub(super) const PORTUGUESE: Words = Words { $($name: $portuguese,)* };

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $portuguese),)*];
    };
}

words! {
    // Navigation
    now: "Now", "Agora";
    deliveries: "Deliveries", "Entregas";
    refused: "Refused", "Recusados";
    senders: "Senders and endpoints", "Remetentes e endpoints";
    senders_only: "Senders", "Remetentes";
    endpoints: "Endpoints", "Endpoints";
    language: "Language", "Idioma";
    main_content: "Skip to the content", "Ir para o conteúdo";
    // Access
    no_session: "No session", "Sem sessão";
    no_session_help: "Open the link that hookspool view printed. For a new link, press Enter in its terminal, or send it SIGUSR1.",
        "Abra o link que o hookspool view imprimiu. Para um novo link, pressione Enter no terminal dele ou envie SIGUSR1 a ele.";
    link_used: "This link is not valid: it was used, or a newer one was printed.",
        "Este link não é válido: já foi usado, ou um mais novo foi impresso.";
    opening: "Opening the page", "Abrindo a página";
    open: "Open", "Abrir";
    not_found: "Not found", "Não encontrado";
    not_found_help: "There is no such page.", "Essa página não existe.";
    bad_form: "The form has expired. Go back, load the page again, and repeat.",
        "O formulário expirou. Volte, recarregue a página e repita.";
    read_only: "This page was started with --read-only.", "Esta página foi iniciada com --read-only.";
    error: "Error", "Erro";
    stale: "The connection to hookspool view was lost. What is shown is no longer updated.",
        "A conexão com o hookspool view caiu. O que é mostrado não é mais atualizado.";
    // Now
    ready: "Ready", "Pronto";
    not_ready: "Not ready", "Não está pronto";
    no_daemon: "The daemon does not answer", "O daemon não responde";
    no_daemon_help: "What is on disk is shown nevertheless. The reason:", "O que está no disco é mostrado mesmo assim. O motivo:";
    degraded: "Degraded", "Degradado";
    per_minute: "Deliveries per minute", "Entregas por minuto";
    last_hours: "the last 3 hours", "últimas 3 horas";
    at_most: "maximum", "máximo de";
    at: "at", "às";
    in_total: "in total", "no total";
    waiting: "Waiting", "Em espera";
    oldest: "Oldest", "Mais antiga";
    endpoint: "Endpoint", "Endpoint";
    consumer: "Consumer", "Consumidor";
    consumers: "Consumers", "Consumidores";
    no_forward: "hookspool forward does not answer", "hookspool forward não responde";
    target: "Target", "Destino";
    target_up: "reachable", "acessível";
    target_down: "unreachable", "inacessível";
    in_flight: "In flight", "Em andamento";
    retrying: "Retrying", "À espera de nova tentativa";
    last_error: "Last error", "Último erro";
    disk: "Disk", "Disco";
    free: "free", "livres";
    corrupt: "Not intact", "Não íntegras";
    counted: "Counted", "Contado";
    expiry: "Certificates and revocation lists", "Certificados e listas de revogação";
    expires: "Expires", "Vence";
    bars: "A full bar: 90 days or more. Red: less than 21 days.", "Barra cheia: 90 dias ou mais. Vermelho: menos de 21 dias.";
    role: "Kind", "Tipo";
    role_server: "server", "servidor";
    role_anchor: "CA of a sender", "CA de um remetente";
    role_crl: "revocation list", "lista de revogação";
    name: "Name", "Nome";
    subject: "Subject", "Titular";
    connections: "Connections", "Conexões";
    recent_refusals: "Latest refusals", "Últimas recusas";
    none: "none", "nenhuma";
    none_yet: "The spool has no endpoints yet. The daemon creates them.", "O spool ainda não tem endpoints. O daemon os cria.";
    just_now: "just now", "agora mesmo";
    never: "none found", "nenhuma encontrada";
    // Deliveries
    received: "Received", "Recebida";
    sender: "Sender", "Remetente";
    event: "Event", "Evento";
    queue: "Queue", "Fila";
    size: "Size", "Tamanho";
    entry: "Entry", "Entrega";
    day: "Day", "Dia";
    all: "any", "qualquer";
    search: "Search in payloads", "Buscar no conteúdo";
    search_hint: "endToEndId, txid or any text", "endToEndId, txid ou qualquer texto";
    filter: "Show", "Mostrar";
    clear: "Clear", "Limpar";
    stop: "Stop", "Parar";
    entries_read: "entries read", "entregas lidas";
    stopped_at_limit: "The search was stopped at its time limit.", "A busca foi interrompida no limite de tempo.";
    nothing_found: "Nothing found.", "Nada encontrado.";
    older: "Older", "Mais antigas";
    newest: "Newest", "Mais recentes";
    end_of_list: "There are no older entries.", "Não há entregas mais antigas.";
    unreadable: "not readable", "ilegível";
    too_many_searches: "Too many searches are running. Stop one, and repeat.", "Há buscas demais em andamento. Pare uma e repita.";
    bad_filter: "This filter is not valid", "Este filtro não é válido";
    cannot_list: "Cannot list the entries", "Não é possível listar as entregas";
    queue_new: "waiting", "em espera";
    queue_taken: "taken", "retirada";
    queue_done: "done", "concluída";
    queue_failed: "failed", "com falha";
    // Entry
    payload: "Payload", "Conteúdo";
    envelope: "Envelope", "Envelope";
    certificate: "Certificate of the sender", "Certificado do remetente";
    issuer: "Issuer", "Emissor";
    serial: "Serial number", "Número de série";
    valid: "Validity", "Validade";
    until: "until", "até";
    address: "Address", "Endereço";
    intact: "Intact: length and SHA-256 match.", "Íntegra: tamanho e SHA-256 conferem.";
    not_intact: "Not intact", "Não íntegra";
    truncated: "Only the beginning is shown.", "Só o começo é mostrado.";
    download: "Download the payload", "Baixar o conteúdo";
    failed_because: "Given up", "Desistência";
    attempt: "attempt", "tentativa";
    attempts: "attempts", "tentativas";
    repeats: "The same payload arrived before, as", "O mesmo conteúdo chegou antes, como";
    requeue: "Requeue", "Devolver à fila";
    mark_done: "Mark as done", "Marcar como concluída";
    mark_failed: "Mark as failed", "Marcar como falha";
    confirm_requeue: "Return this entry to the queue? It will be processed again.", "Devolver esta entrega à fila? Ela será processada de novo.";
    confirm_done: "Mark this entry as done? It will not be processed.", "Marcar esta entrega como concluída? Ela não será processada.";
    confirm_failed: "Mark this entry as failed? It will not be processed.", "Marcar esta entrega como falha? Ela não será processada.";
    cancel: "Cancel", "Cancelar";
    being_processed: "The entry is being processed. Wait until its handler has finished.", "A entrega está em processamento. Espere até que ele termine.";
    was_moved: "The entry is no longer in this queue.", "A entrega não está mais nesta fila.";
    not_synced: "The entry was moved, but a power failure may undo that", "A entrega foi movida, mas uma queda de energia pode desfazer isso";
    cannot_move: "The entry could not be moved", "A entrega não pôde ser movida";
    // Refused
    expected: "Expected", "Esperado";
    presented: "Presented", "Apresentado";
    offered: "Offered", "Oferecido";
    issued_by_ca_of: "Issued by the CA of", "Emitido pela CA de";
    to_admit: "To admit it, ask the bank, then write this line in webhooks.toml:", "Para admiti-lo, pergunte ao banco e escreva esta linha em webhooks.toml:";
    to_admit_certificate: "To admit it, ask the bank, then add this certificate to `ca` of the sender:",
        "Para admiti-lo, pergunte ao banco e inclua este certificado em `ca` do remetente:";
    copy: "Copy", "Copiar";
    copied: "Copied", "Copiado";
    times: "times", "vezes";
    last: "last", "última";
    no_refusals: "No handshake has been refused or has failed since the daemon started.",
        "Nenhum handshake foi recusado ou falhou desde o início do daemon.";
    // Senders
    path: "Path", "Caminho";
    max_body: "Body limit", "Limite do corpo";
    last_delivery: "Last delivery", "Última entrega";
    not_configured: "no longer configured", "não está mais configurado";
    among_latest: "among the latest entries of each endpoint", "entre as últimas entregas de cada endpoint";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_empty_and_sentences_end_alike() {
        for (name, english, portuguese) in ALL {
            assert!(!english.is_empty() && !portuguese.is_empty(), "{name}");
            let end = |text: &str| text.chars().last().filter(|c| ".:?".contains(*c));
            assert_eq!(end(english), end(portuguese), "{name}");
        }
    }
}
