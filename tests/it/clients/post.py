# The standard modules ssl and http.client. Prints the status, or fails.
import http.client
import ssl
import sys
from urllib.parse import urlsplit

url, file, ca, *identity = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if identity:
    context.load_cert_chain(*identity)
parts = urlsplit(url)
connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=context, timeout=20)
connection.request("POST", parts.path, open(file, "rb").read(), {"content-type": "application/json"})
print(connection.getresponse().status)
