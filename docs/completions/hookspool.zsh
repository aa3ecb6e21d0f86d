#compdef hookspool

autoload -U is-at-least

_hookspool() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_hookspool_commands" \
"*::: :->hookspool" \
&& ret=0
    case $state in
    (hookspool)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hookspool-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(demo)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--once[Exit after the delivery, with 0 if it is on disk]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--json[Print one JSON document]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(certs)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
":: :_hookspool__subcmd__certs_commands" \
"*::: :->certs" \
&& ret=0

    case $state in
    (certs)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hookspool-certs-command-$line[1]:"
        case $line[1] in
            (init)
_arguments "${_arguments_options[@]}" : \
'--dir=[The directory to write to]:DIR:_files' \
'*--host=[An additional name or address of the server, besides localhost, 127.0.0.1 and \:\:1 \[repeatable\]]:HOST:_default' \
'*--client=[The common name of a client \[default\: client\] \[repeatable\]]:NAME:_default' \
'--owner=[The owner of the files]:USER[:GROUP]:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--rsa[Use RSA keys of 2048 bits instead of ECDSA P-256]' \
'--force[Replace existing files]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--json[Print one JSON document]' \
'-h[Print help]' \
'--help[Print help]' \
'*::files -- Certificates, PEM or DER; `-` is standard input:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_hookspool__subcmd__certs__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hookspool-certs-help-command-$line[1]:"
        case $line[1] in
            (init)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'--cert=[The certificate, PEM or DER (\`-\`\: standard input); further ones in the file are its chain]:FILE:_files' \
'--chain=[The certificates that are sent with it]:FILE:_files' \
'--endpoint=[Also report whether it may deliver to this endpoint]:NAME:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--json[Print one JSON document]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(send)
_arguments "${_arguments_options[@]}" : \
'--cert=[The client certificate with its chain; \`-\` is standard input]:FILE:_files' \
'--key=[The private key of the certificate \[default\: the key in the file of --cert\]]:FILE:_files' \
'*--ca=[A CA that may have issued the server'\''s certificate; the system'\''s CAs are not used \[repeatable\]]:FILE:_files' \
'--connect=[Connect here instead of to the host of the URL]:HOST:PORT:_default' \
'*--header=[A header, as \`Name\: value\` \[repeatable\]]:HEADER:_default' \
'--repeat=[The number of deliveries]:N:_default' \
'--rate=[The maximum number of deliveries per second \[default\: no limit\]]:R:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'(--ca)--insecure[Do not verify the server]' \
'(--http2)--http1.1[Use only HTTP/1.1]' \
'--http2[Use only HTTP/2]' \
'-h[Print help]' \
'--help[Print help]' \
':url -- The URL to deliver to\: https only:_default' \
'::file -- The file to deliver; `-` is standard input, the default if that is not a terminal:_files' \
&& ret=0
;;
(probe)
_arguments "${_arguments_options[@]}" : \
'--cert=[The client certificate with its chain; \`-\` is standard input]:FILE:_files' \
'--key=[The private key of the certificate \[default\: the key in the file of --cert\]]:FILE:_files' \
'*--ca=[A CA that may have issued the server'\''s certificate; the system'\''s CAs are not used \[repeatable\]]:FILE:_files' \
'--connect=[Connect here instead of to the host of the URL]:HOST:PORT:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'(--ca)--insecure[Do not verify the server]' \
'(--http2)--http1.1[Use only HTTP/1.1]' \
'--http2[Use only HTTP/2]' \
'--json[Print one JSON document]' \
'-h[Print help]' \
'--help[Print help]' \
':url -- The URL to connect to\: https only:_default' \
&& ret=0
;;
(spool)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
":: :_hookspool__subcmd__spool_commands" \
"*::: :->spool" \
&& ret=0

    case $state in
    (spool)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hookspool-spool-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
'--endpoint=[Only this endpoint \[default\: all\]]:NAME:_default' \
'--queue=[The queue\: new, taken, done or failed]:QUEUE:_default' \
'--since=[Received at most this long ago, as in 1h]:AGE:_default' \
'--sender=[Only this sender]:NAME:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--json[Print one JSON document]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
'(--json)--format=[Print this part byte for byte]:PART:((envelope\:"The first line"
payload\:"Everything after it"
entry\:"The whole file"))' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--json[Print one JSON document\: its path, whether it is intact, and its envelope]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':entry -- The entry\: its ID or its path:_default' \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
'--endpoint=[Only this endpoint \[default\: all\]]:NAME:_default' \
'--queue=[The queue\: new, taken, done or failed \[default\: all\]]:QUEUE:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--json[Print one JSON document]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(take)
_arguments "${_arguments_options[@]}" : \
'--endpoint=[The oldest entry of this endpoint, or several with --all or --batch]:NAME:_default' \
'--batch=[At most N entries, oldest first]:N:_default' \
'*--exec=[Run this command for each entry; all following words are its arguments]:CMD:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'(--batch)--all[All entries in new, oldest first]' \
'-h[Print help]' \
'--help[Print help]' \
'*::entries -- The entries, by ID or path:_default' \
&& ret=0
;;
(done)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--force[Include entries that are being processed]' \
'-h[Print help]' \
'--help[Print help]' \
'*::entries -- The entries\: their IDs or paths:_default' \
&& ret=0
;;
(fail)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--force[Include entries that are being processed]' \
'-h[Print help]' \
'--help[Print help]' \
'*::entries -- The entries\: their IDs or paths:_default' \
&& ret=0
;;
(requeue)
_arguments "${_arguments_options[@]}" : \
'--queue=[All entries of a queue\: taken or failed]:QUEUE:_default' \
'--endpoint=[Only this endpoint \[default\: all\]]:NAME:_default' \
'--older=[Only entries that have been in the queue for this long, as in 1h]:AGE:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--force[Include entries that are being processed]' \
'-h[Print help]' \
'--help[Print help]' \
'*::entries -- The entries, by ID or path:_default' \
&& ret=0
;;
(purge)
_arguments "${_arguments_options[@]}" : \
'--queue=[The queue\: done or failed]:QUEUE:_default' \
'--older=[Entries that have been in the queue for this long, as in 7d]:AGE:_default' \
'--endpoint=[Only this endpoint \[default\: all\]]:NAME:_default' \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_hookspool__subcmd__spool__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hookspool-spool-help-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(take)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(done)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(fail)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(requeue)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(purge)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(reload)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'--json[Print one JSON document]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
':shell -- The shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'--config=[The configuration; otherwise \$HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
':folder -- The directory to write to:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_hookspool__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hookspool-help-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(demo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(certs)
_arguments "${_arguments_options[@]}" : \
":: :_hookspool__subcmd__help__subcmd__certs_commands" \
"*::: :->certs" \
&& ret=0

    case $state in
    (certs)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hookspool-help-certs-command-$line[1]:"
        case $line[1] in
            (init)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(send)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(probe)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(spool)
_arguments "${_arguments_options[@]}" : \
":: :_hookspool__subcmd__help__subcmd__spool_commands" \
"*::: :->spool" \
&& ret=0

    case $state in
    (spool)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hookspool-help-spool-command-$line[1]:"
        case $line[1] in
            (list)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(take)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(done)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(fail)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(requeue)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(purge)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(reload)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_hookspool_commands] )) ||
_hookspool_commands() {
    local commands; commands=(
'run:Run the daemon in the foreground' \
'demo:Create throwaway certificates if none exist, serve, and deliver one sample' \
'check:Read the configuration and every file that it names; report all findings at once' \
'certs:Create development certificates, or show any certificates' \
'explain:Report whether a certificate would be accepted, and why or why not' \
'send:Deliver a file as a sender would' \
'probe:Do what a bank does when a webhook is registered\: connect without a certificate, then with one' \
'spool:Inspect and move entries' \
'reload:Reload the running daemon'\''s certificates and configuration, and report the outcome' \
'status:Show the status of the running daemon' \
'completions:Print the completion script for a shell' \
'man:Write the manual pages hookspool(1) and webhooks.toml(5)' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hookspool commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__certs_commands] )) ||
_hookspool__subcmd__certs_commands() {
    local commands; commands=(
'init:Create a throwaway PKI\: a root, a server and a client' \
'show:Show the contents of PEM or DER files, and the \[\[sender\]\] lines that would match' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hookspool certs commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__certs__subcmd__help_commands] )) ||
_hookspool__subcmd__certs__subcmd__help_commands() {
    local commands; commands=(
'init:Create a throwaway PKI\: a root, a server and a client' \
'show:Show the contents of PEM or DER files, and the \[\[sender\]\] lines that would match' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hookspool certs help commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__certs__subcmd__help__subcmd__help_commands] )) ||
_hookspool__subcmd__certs__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool certs help help commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__certs__subcmd__help__subcmd__init_commands] )) ||
_hookspool__subcmd__certs__subcmd__help__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool certs help init commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__certs__subcmd__help__subcmd__show_commands] )) ||
_hookspool__subcmd__certs__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool certs help show commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__certs__subcmd__init_commands] )) ||
_hookspool__subcmd__certs__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool certs init commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__certs__subcmd__show_commands] )) ||
_hookspool__subcmd__certs__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool certs show commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__check_commands] )) ||
_hookspool__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool check commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__completions_commands] )) ||
_hookspool__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool completions commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__demo_commands] )) ||
_hookspool__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool demo commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__explain_commands] )) ||
_hookspool__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool explain commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help_commands] )) ||
_hookspool__subcmd__help_commands() {
    local commands; commands=(
'run:Run the daemon in the foreground' \
'demo:Create throwaway certificates if none exist, serve, and deliver one sample' \
'check:Read the configuration and every file that it names; report all findings at once' \
'certs:Create development certificates, or show any certificates' \
'explain:Report whether a certificate would be accepted, and why or why not' \
'send:Deliver a file as a sender would' \
'probe:Do what a bank does when a webhook is registered\: connect without a certificate, then with one' \
'spool:Inspect and move entries' \
'reload:Reload the running daemon'\''s certificates and configuration, and report the outcome' \
'status:Show the status of the running daemon' \
'completions:Print the completion script for a shell' \
'man:Write the manual pages hookspool(1) and webhooks.toml(5)' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hookspool help commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__certs_commands] )) ||
_hookspool__subcmd__help__subcmd__certs_commands() {
    local commands; commands=(
'init:Create a throwaway PKI\: a root, a server and a client' \
'show:Show the contents of PEM or DER files, and the \[\[sender\]\] lines that would match' \
    )
    _describe -t commands 'hookspool help certs commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__certs__subcmd__init_commands] )) ||
_hookspool__subcmd__help__subcmd__certs__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help certs init commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__certs__subcmd__show_commands] )) ||
_hookspool__subcmd__help__subcmd__certs__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help certs show commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__check_commands] )) ||
_hookspool__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help check commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__completions_commands] )) ||
_hookspool__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help completions commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__demo_commands] )) ||
_hookspool__subcmd__help__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help demo commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__explain_commands] )) ||
_hookspool__subcmd__help__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help explain commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__help_commands] )) ||
_hookspool__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help help commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__man_commands] )) ||
_hookspool__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help man commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__probe_commands] )) ||
_hookspool__subcmd__help__subcmd__probe_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help probe commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__reload_commands] )) ||
_hookspool__subcmd__help__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help reload commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__run_commands] )) ||
_hookspool__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help run commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__send_commands] )) ||
_hookspool__subcmd__help__subcmd__send_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help send commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool_commands] )) ||
_hookspool__subcmd__help__subcmd__spool_commands() {
    local commands; commands=(
'list:List the entries of a queue, oldest first' \
'show:Show one entry' \
'verify:Read every entry and compare length and digest; entries that are not intact are moved to corrupt/' \
'take:Claim the oldest entry of an endpoint, or the given ones' \
'done:Move entries from taken to done' \
'fail:Move entries from taken to failed' \
'requeue:Return entries to new' \
'purge:Remove entries that are done or failed' \
    )
    _describe -t commands 'hookspool help spool commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool__subcmd__done_commands] )) ||
_hookspool__subcmd__help__subcmd__spool__subcmd__done_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help spool done commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool__subcmd__fail_commands] )) ||
_hookspool__subcmd__help__subcmd__spool__subcmd__fail_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help spool fail commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool__subcmd__list_commands] )) ||
_hookspool__subcmd__help__subcmd__spool__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help spool list commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool__subcmd__purge_commands] )) ||
_hookspool__subcmd__help__subcmd__spool__subcmd__purge_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help spool purge commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool__subcmd__requeue_commands] )) ||
_hookspool__subcmd__help__subcmd__spool__subcmd__requeue_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help spool requeue commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool__subcmd__show_commands] )) ||
_hookspool__subcmd__help__subcmd__spool__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help spool show commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool__subcmd__take_commands] )) ||
_hookspool__subcmd__help__subcmd__spool__subcmd__take_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help spool take commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__spool__subcmd__verify_commands] )) ||
_hookspool__subcmd__help__subcmd__spool__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help spool verify commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__help__subcmd__status_commands] )) ||
_hookspool__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool help status commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__man_commands] )) ||
_hookspool__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool man commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__probe_commands] )) ||
_hookspool__subcmd__probe_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool probe commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__reload_commands] )) ||
_hookspool__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool reload commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__run_commands] )) ||
_hookspool__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool run commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__send_commands] )) ||
_hookspool__subcmd__send_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool send commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool_commands] )) ||
_hookspool__subcmd__spool_commands() {
    local commands; commands=(
'list:List the entries of a queue, oldest first' \
'show:Show one entry' \
'verify:Read every entry and compare length and digest; entries that are not intact are moved to corrupt/' \
'take:Claim the oldest entry of an endpoint, or the given ones' \
'done:Move entries from taken to done' \
'fail:Move entries from taken to failed' \
'requeue:Return entries to new' \
'purge:Remove entries that are done or failed' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hookspool spool commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__done_commands] )) ||
_hookspool__subcmd__spool__subcmd__done_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool done commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__fail_commands] )) ||
_hookspool__subcmd__spool__subcmd__fail_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool fail commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help_commands] )) ||
_hookspool__subcmd__spool__subcmd__help_commands() {
    local commands; commands=(
'list:List the entries of a queue, oldest first' \
'show:Show one entry' \
'verify:Read every entry and compare length and digest; entries that are not intact are moved to corrupt/' \
'take:Claim the oldest entry of an endpoint, or the given ones' \
'done:Move entries from taken to done' \
'fail:Move entries from taken to failed' \
'requeue:Return entries to new' \
'purge:Remove entries that are done or failed' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hookspool spool help commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__done_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__done_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help done commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__fail_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__fail_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help fail commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__help_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help help commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__list_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help list commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__purge_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__purge_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help purge commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__requeue_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__requeue_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help requeue commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__show_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help show commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__take_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__take_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help take commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__help__subcmd__verify_commands] )) ||
_hookspool__subcmd__spool__subcmd__help__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool help verify commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__list_commands] )) ||
_hookspool__subcmd__spool__subcmd__list_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool list commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__purge_commands] )) ||
_hookspool__subcmd__spool__subcmd__purge_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool purge commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__requeue_commands] )) ||
_hookspool__subcmd__spool__subcmd__requeue_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool requeue commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__show_commands] )) ||
_hookspool__subcmd__spool__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool show commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__take_commands] )) ||
_hookspool__subcmd__spool__subcmd__take_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool take commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__spool__subcmd__verify_commands] )) ||
_hookspool__subcmd__spool__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool spool verify commands' commands "$@"
}
(( $+functions[_hookspool__subcmd__status_commands] )) ||
_hookspool__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'hookspool status commands' commands "$@"
}

if [ "$funcstack[1]" = "_hookspool" ]; then
    _hookspool "$@"
else
    compdef _hookspool hookspool
fi
