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

complete -c hookspool -n "__fish_hookspool_needs_command" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_needs_command" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_needs_command" -s V -l version -d 'Print version'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "run" -d 'Serve until told to stop'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "demo" -d 'Make throwaway certificates where none stand, serve, and deliver one sample to itself'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "check" -d 'Read the configuration and every file it names; report all findings at once'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "certs" -d 'Make certificates for development, or look into any'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "explain" -d 'Say whether a certificate would be let in, and why, or why not'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "send" -d 'Deliver a file as a sender would'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "probe" -d 'Do what a bank does when a webhook is registered: knock without a certificate, then with one'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "spool" -d 'Look at entries and move them'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "reload" -d 'Have the running daemon read certificates and configuration again, and say what became of it'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "status" -d 'Ask the running daemon how it is'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "completions" -d 'Print what a shell needs to complete command lines'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "man" -d 'Write the manual pages hookspool(1) and webhooks.toml(5)'
complete -c hookspool -n "__fish_hookspool_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand run" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand run" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand demo" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand demo" -l once -d 'End after the delivery, with 0 if it is on disk'
complete -c hookspool -n "__fish_hookspool_using_subcommand demo" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand check" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand check" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand check" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -f -a "init" -d 'Make a throwaway PKI: a root, a server, a client'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -f -a "show" -d 'Show what is in PEM or DER files, and the [[sender]] lines that would match'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and not __fish_seen_subcommand_from init show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l dir -d 'Where to put them' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l host -d 'A further name or address of the server, beside localhost, 127.0.0.1 and ::1 [repeatable]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l client -d 'The common name of a client [default: client] [repeatable]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l owner -d 'Who shall own the files' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l rsa -d 'RSA keys of 2048 bits instead of ECDSA P-256'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -l force -d 'Replace files that are there'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from show" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from help" -f -a "init" -d 'Make a throwaway PKI: a root, a server, a client'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show what is in PEM or DER files, and the [[sender]] lines that would match'
complete -c hookspool -n "__fish_hookspool_using_subcommand certs; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l cert -d 'The certificate, PEM or DER (`-`: standard input); further ones in the file are its chain' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l chain -d 'The certificates that come with it' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l endpoint -d 'Ask also whether it may deliver there' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand explain" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l cert -d 'The certificate to show, with its chain; `-` is standard input' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l key -d 'Its private key [default: the one in the file of --cert]' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l ca -d 'The CA that vouches for the server; the system\'s are never used [repeatable]' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l connect -d 'Connect here instead of to the host of the URL' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l header -d 'A header, as `Name: value` [repeatable]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l repeat -d 'How often' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l rate -d 'How many a second, at most [default: as fast as answers come]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l insecure -d 'Believe whatever server answers'
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l http1.1 -d 'Speak only HTTP/1.1'
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -l http2 -d 'Speak only HTTP/2'
complete -c hookspool -n "__fish_hookspool_using_subcommand send" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l cert -d 'The certificate to show, with its chain; `-` is standard input' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l key -d 'Its private key [default: the one in the file of --cert]' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l ca -d 'The CA that vouches for the server; the system\'s are never used [repeatable]' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l connect -d 'Connect here instead of to the host of the URL' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l insecure -d 'Believe whatever server answers'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l http1.1 -d 'Speak only HTTP/1.1'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l http2 -d 'Speak only HTTP/2'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand probe" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "list" -d 'List a queue, the oldest entry first'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "show" -d 'Show one entry'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "verify" -d 'Read every entry and compare length and digest; what is not whole is moved to corrupt/'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "take" -d 'Claim the oldest entry of an endpoint, or those that are named'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "done" -d 'Finish entries that were taken'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "fail" -d 'Give up entries that were taken'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "requeue" -d 'Put entries back into new'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "purge" -d 'Remove entries that are done or failed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and not __fish_seen_subcommand_from list show verify take done fail requeue purge help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l endpoint -d 'Of this endpoint [default: of all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l queue -d 'Which queue: new, taken, done or failed' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l since -d 'Received at most this long ago, as in 1h' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l sender -d 'From this sender' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from show" -l format -d 'Print this part byte for byte' -r -f -a "envelope\t'The first line'
payload\t'What follows it'
entry\t'All of it'"
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from show" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON document: where it is, whether it is whole, and its envelope'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -l endpoint -d 'Of this endpoint [default: of all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -l queue -d 'Which queue: new, taken, done or failed [default: all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l endpoint -d 'The oldest entry of this endpoint, or with --all or --batch several' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l batch -d 'At most N of them, the oldest first' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l exec -d 'Run this on each entry; what follows goes to the command' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -l all -d 'All entries of the endpoint that are waiting now, the oldest first'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from take" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from done" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from done" -l force -d 'Also entries that are being processed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from done" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from fail" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from fail" -l force -d 'Also entries that are being processed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from fail" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l queue -d 'All of a queue: taken or failed' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l endpoint -d 'Of this endpoint [default: of all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l older -d 'That have been there for this long, as in 1h' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -l force -d 'Also entries that are being processed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from requeue" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -l queue -d 'From which queue: done or failed' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -l older -d 'What has been there for this long, as in 7d' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -l endpoint -d 'Of this endpoint [default: of all]' -r
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from purge" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "list" -d 'List a queue, the oldest entry first'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one entry'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Read every entry and compare length and digest; what is not whole is moved to corrupt/'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "take" -d 'Claim the oldest entry of an endpoint, or those that are named'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "done" -d 'Finish entries that were taken'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "fail" -d 'Give up entries that were taken'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "requeue" -d 'Put entries back into new'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "purge" -d 'Remove entries that are done or failed'
complete -c hookspool -n "__fish_hookspool_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand reload" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand reload" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand status" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand status" -l json -d 'Print one JSON document'
complete -c hookspool -n "__fish_hookspool_using_subcommand status" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand completions" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand completions" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand man" -l config -d 'The configuration; else $HOOKSPOOL_CONFIG, ./webhooks.toml, /etc/hookspool/webhooks.toml' -r -F
complete -c hookspool -n "__fish_hookspool_using_subcommand man" -s h -l help -d 'Print help'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "run" -d 'Serve until told to stop'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "demo" -d 'Make throwaway certificates where none stand, serve, and deliver one sample to itself'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "check" -d 'Read the configuration and every file it names; report all findings at once'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "certs" -d 'Make certificates for development, or look into any'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "explain" -d 'Say whether a certificate would be let in, and why, or why not'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "send" -d 'Deliver a file as a sender would'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "probe" -d 'Do what a bank does when a webhook is registered: knock without a certificate, then with one'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "spool" -d 'Look at entries and move them'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "reload" -d 'Have the running daemon read certificates and configuration again, and say what became of it'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "status" -d 'Ask the running daemon how it is'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "completions" -d 'Print what a shell needs to complete command lines'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "man" -d 'Write the manual pages hookspool(1) and webhooks.toml(5)'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and not __fish_seen_subcommand_from run demo check certs explain send probe spool reload status completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from certs" -f -a "init" -d 'Make a throwaway PKI: a root, a server, a client'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from certs" -f -a "show" -d 'Show what is in PEM or DER files, and the [[sender]] lines that would match'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "list" -d 'List a queue, the oldest entry first'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "show" -d 'Show one entry'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "verify" -d 'Read every entry and compare length and digest; what is not whole is moved to corrupt/'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "take" -d 'Claim the oldest entry of an endpoint, or those that are named'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "done" -d 'Finish entries that were taken'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "fail" -d 'Give up entries that were taken'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "requeue" -d 'Put entries back into new'
complete -c hookspool -n "__fish_hookspool_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "purge" -d 'Remove entries that are done or failed'
