# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hookspool_global_optspecs
    string join \n config= h/help V/version
end

function __fish_hookspool_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hookspool_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hookspool_using_subcommand
    set -l cmd (__fish_hookspool_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hookspool -n "__fish_hookspool_needs_command" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_needs_command" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_needs_command" -s V -l version -d 'Print version'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "run" -d 'Run the daemon in the foreground'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "demo" -d 'Create throwaway certificates if none exist, serve, and deliver one sample'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "check" -d 'Read the configuration and every file that it names; report all findings at once'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "certs" -d 'Create development certificates, or show any certificates'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "explain" -d 'Report whether a certificate would be accepted, and why or why not'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "send" -d 'Deliver a file as a sender would'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "probe" -d 'Do what a bank does when a webhook is registered: connect without a certificate, then with one'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "spool" -d 'Inspect and move entries'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "reload" -d 'Reload the running daemon\'s certificates and configuration, and report the outcome'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "status" -d 'Show the status of the running daemon'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "man" -d 'Write the manual pages hookspool(1) and webhooks.toml(5)'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand run" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand run" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand demo" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand demo" -l once -d 'Exit after the delivery, with 0 if it is on disk'
complete -c hookspool -n "__fish_hookspool_using_subcommand demo" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand check" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand check" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand check" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -f -a "init" -d 'Create a throwaway PKI: a root, a server and a client'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -f -a "show" -d 'Show the contents of PEM or DER files, and the [[sender]] lines that would match'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l dir -d 'The directory to write to' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l host -d 'An additional name or address of the server, besides localhost, 127.0.0.1 and ::1 [repeatable]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l client -d 'The common name of a client [default: client] [repeatable]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l owner -d 'The owner of the files' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l rsa -d 'Use RSA keys of 2048 bits instead of ECDSA P-256'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l force -d 'Replace existing files'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from show" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from help" -f -a "init" -d 'Create a throwaway PKI: a root, a server and a client'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the contents of PEM or DER files, and the [[sender]] lines that would match'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l cert -d 'The certificate, PEM or DER (`-`: standard input); further ones in the file are its chain' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l chain -d 'The certificates that are sent with it' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l endpoint -d 'Also report whether it may deliver to this endpoint' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l cert -d 'The client certificate with its chain; `-` is standard input' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l key -d 'The private key of the certificate [default: the key in the file of --cert]' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l ca -d 'A CA that may have issued the server\'s certificate; the system\'s CAs are not used [repeatable]' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l connect -d 'Connect here instead of to the host of the URL' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l header -d 'A header, as `Name: value` [repeatable]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l repeat -d 'The number of deliveries' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l rate -d 'The maximum number of deliveries per second [default: no limit]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l insecure -d 'Do not verify the server'
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l http1.1 -d 'Use only HTTP/1.1'
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l http2 -d 'Use only HTTP/2'
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l cert -d 'The client certificate with its chain; `-` is standard input' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l key -d 'The private key of the certificate [default: the key in the file of --cert]' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l ca -d 'A CA that may have issued the server\'s certificate; the system\'s CAs are not used [repeatable]' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l connect -d 'Connect here instead of to the host of the URL' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l insecure -d 'Do not verify the server'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l http1.1 -d 'Use only HTTP/1.1'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l http2 -d 'Use only HTTP/2'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "list" -d 'List the entries of a queue, oldest first'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "show" -d 'Show one entry'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "verify" -d 'Read every entry and compare length and digest; entries that are not intact are moved to corrupt/'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "take" -d 'Claim the oldest entry of an endpoint, or the given ones'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "done" -d 'Move entries from taken to done'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "fail" -d 'Move entries from taken to failed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "requeue" -d 'Return entries to new'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "purge" -d 'Remove entries that are done or failed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l endpoint -d 'Only this endpoint [default: all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l queue -d 'The queue: new, taken, done or failed' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l since -d 'Received at most this long ago, as in 1h' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l sender -d 'Only this sender' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from show" -l format -d 'Print this part byte for byte' -r -f -a "envelope\t'The first line'
payload\t'Everything after it'
entry\t'The whole file'"
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from show" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON document: its path, whether it is intact, and its envelope'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -l endpoint -d 'Only this endpoint [default: all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -l queue -d 'The queue: new, taken, done or failed [default: all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l endpoint -d 'The oldest entry of this endpoint, or several with --all or --batch' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l batch -d 'At most N entries, oldest first' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l exec -d 'Run this command for each entry; all following words are its arguments' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l all -d 'All entries in new, oldest first'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from done" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from done" -l force -d 'Include entries that are being processed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from done" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from fail" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from fail" -l force -d 'Include entries that are being processed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from fail" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l queue -d 'All entries of a queue: taken or failed' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l endpoint -d 'Only this endpoint [default: all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l older -d 'Only entries that have been in the queue for this long, as in 1h' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l force -d 'Include entries that are being processed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -l queue -d 'The queue: done or failed' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -l older -d 'Entries that have been in the queue for this long, as in 7d' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -l endpoint -d 'Only this endpoint [default: all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the entries of a queue, oldest first'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one entry'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Read every entry and compare length and digest; entries that are not intact are moved to corrupt/'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "take" -d 'Claim the oldest entry of an endpoint, or the given ones'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "done" -d 'Move entries from taken to done'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "fail" -d 'Move entries from taken to failed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "requeue" -d 'Return entries to new'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "purge" -d 'Remove entries that are done or failed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand reload" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand reload" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand status" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand status" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand status" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand completions" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand completions" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand man" -l config -d 'The configuration; otherwise $HOOKSPOOL_CONFIG, ./webhooks.toml or /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand man" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "run" -d 'Run the daemon in the foreground'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "demo" -d 'Create throwaway certificates if none exist, serve, and deliver one sample'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "check" -d 'Read the configuration and every file that it names; report all findings at once'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "certs" -d 'Create development certificates, or show any certificates'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "explain" -d 'Report whether a certificate would be accepted, and why or why not'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "send" -d 'Deliver a file as a sender would'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "probe" -d 'Do what a bank does when a webhook is registered: connect without a certificate, then with one'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "spool" -d 'Inspect and move entries'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "reload" -d 'Reload the running daemon\'s certificates and configuration, and report the outcome'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "status" -d 'Show the status of the running daemon'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "completions" -d 'Print the completion script for a shell'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "man" -d 'Write the manual pages hookspool(1) and webhooks.toml(5)'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from certs" -f -a "init" -d 'Create a throwaway PKI: a root, a server and a client'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from certs" -f -a "show" -d 'Show the contents of PEM or DER files, and the [[sender]] lines that would match'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "list" -d 'List the entries of a queue, oldest first'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "show" -d 'Show one entry'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "verify" -d 'Read every entry and compare length and digest; entries that are not intact are moved to corrupt/'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "take" -d 'Claim the oldest entry of an endpoint, or the given ones'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "done" -d 'Move entries from taken to done'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "fail" -d 'Move entries from taken to failed'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "requeue" -d 'Return entries to new'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "purge" -d 'Remove entries that are done or failed'
