"""The HTML page for people, with its files.

The service serves the page's modules as they are written, so there is no build step. The HTML names each module of its
view (`modulepreload`), so a browser requests all of them at once. It requests those of another view when a person
visits it. Their address contains a digest of their content (`/assets/VERSION/...`), so a browser requests them once per
release. The style sheets are served as one file. The service answers requests for assets from memory, before Flask. We
tried to join the modules into one file: on two cores a first visit took 0.27 s instead of 0.44 s, and a later visit
0.10 s instead of 0.16 s. That was not worth a JavaScript parser.

The HTML also holds the answer to a subscription to its run (`initial_state`) as a block of JSON. The content security
policy need not allow the block, because it is not a script. The page shows the block as soon as its modules have run,
and the socket continues from there. The block is null if the service has a token, under an unknown host name, and for a
run with more than 100 kB of metrics, which would delay the HTML. The page is `no-store`, because it holds data.
"""
