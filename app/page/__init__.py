"""The HTML page for people, with its files.

The page's modules are served as they are written, so there is no build step. The HTML names each of them
(`modulepreload`), so a browser requests all at once. Their address names their content (`/assets/VERSION/...`), so a
browser requests them once per release. The style sheets are one file. Assets are answered from memory before Flask. We
tried to join the modules into one file: a first visit took 0.27 s instead of 0.44 s on two cores, a later one 0.10 s
instead of 0.16 s. That was not worth a JavaScript parser.

The HTML also holds the answer to a subscription to its run (`initial_state`), as a block of JSON, which the content
security policy need not allow because it is no program. The page shows it as soon as its modules have run, and the
socket continues from there. The block is empty with a token, under an unknown host name, and for a run with more than
100 kB of metrics, which would hold up the HTML. The page is `no-store`, because it holds data.
"""
