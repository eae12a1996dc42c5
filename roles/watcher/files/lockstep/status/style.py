"""How the page looks, and the one thing that it does by itself: it fetches itself anew.

Both are in the page; the policy in its header names their digests, so nothing else can run or colour it.
"""

from __future__ import annotations

import base64
import hashlib

CSS = """
:root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--ink:#1b2330;--soft:#5a6573;--edge:#dfe3e8;
--good:#1a7f37;--busy:#9a6700;--idle:#57606a;--bad:#c4262e;--line:#2f6fdb;--tint:#2f6fdb1f;--goodbar:#4ac26b;
--busybar:#e3b341;--idlebar:#8c959f;--badbar:#e5534b;--badtint:#c4262e12}
@media(prefers-color-scheme:dark){:root{--back:#0e1116;--card:#161b22;--ink:#e6e9ee;--soft:#98a2ae;--edge:#2b323b;
--good:#57c173;--busy:#e0ae3d;--idle:#9aa4af;--bad:#ff7b72;--line:#6ea8ff;--tint:#6ea8ff26;--goodbar:#2ea04f;
--busybar:#bf8700;--idlebar:#6e7781;--badbar:#da4a43;--badtint:#f8514922}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;overflow-wrap:anywhere}
a{color:inherit}
header{display:flex;flex-wrap:wrap;gap:.2rem 1rem;align-items:baseline;justify-content:space-between}
h1{font-size:1.05rem;margin:0;font-weight:600}h1 span{color:var(--soft);font-weight:400}
header p{margin:0;color:var(--soft);font-size:.85rem}
#stale{display:none}
body.stale #stale{display:block;background:var(--bad);color:var(--card);border-radius:.5rem;
padding:.6rem 1rem;margin:.8rem 0 0}
body.stale main{opacity:.55}
.banner{background:var(--card);border:1px solid var(--edge);border-left:.4rem solid var(--bar);border-radius:.5rem;
padding:.8rem 1rem;margin:.8rem 0 1rem}
.banner strong{font-size:1.35rem;line-height:1.3;display:block}
.banner ul{margin:.4rem 0 0;padding-left:1.1rem}
.good{--bar:var(--goodbar);--word:var(--good)}.busy{--bar:var(--busybar);--word:var(--busy)}
.idle{--bar:var(--idlebar);--word:var(--idle)}.bad{--bar:var(--badbar);--word:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;margin:0 0 1.6rem}
.tiles div{background:var(--card);border:1px solid var(--edge);border-radius:.5rem;padding:.5rem .8rem}
.tiles dt{color:var(--soft);font-size:.8rem}.tiles dd{margin:0;font-size:1.1rem;font-weight:600}
h2{font-size:1.1rem;margin:1.6rem 0 .1rem}
.about{color:var(--soft);font-size:.88rem;margin:0 0 .6rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:.8rem;align-items:start}
article{background:var(--card);border:1px solid var(--edge);border-top:.25rem solid var(--bar);border-radius:.5rem;
padding:.7rem 1rem .9rem;min-width:0}
article h3{font-size:1rem;margin:0;display:flex;flex-wrap:wrap;gap:0 .8rem;justify-content:space-between}
.state{color:var(--word);font-weight:700;white-space:nowrap}
.state::before{content:"";display:inline-block;width:.6em;height:.6em;border-radius:50%;background:var(--bar);margin-right:.4em}
.bad .state::before,.state.bad::before{border-radius:0}
.state small{font-weight:400;color:var(--soft)}
.reason{margin:.3rem 0;color:var(--word)}
dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:.15rem 1.5rem;
margin:.7rem 0 0;font-size:.92rem}
.facts div{display:grid;grid-template-columns:7.5rem minmax(0,1fr)}.facts dt{color:var(--soft)}.facts dd{margin:0}
.big{font-size:1.5rem;font-weight:600;line-height:1.2;margin:.5rem 0 0}
.big small{font-size:.85rem;font-weight:400;color:var(--soft)}
.chart{position:relative;margin:.5rem 0 .3rem;padding-left:2.9rem}
.chart svg{display:block;width:100%}
.plot{height:4.4rem}.chart .marks{position:absolute;top:0;left:0;width:2.6rem;height:4.4rem}
.marks text{fill:var(--soft);font-size:10.5px}
.plot .grid{stroke:var(--edge);stroke-width:1;vector-effect:non-scaling-stroke}
.plot .line{fill:none;stroke:var(--line);stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.plot .area{fill:var(--tint)}
.strip{height:.4rem;background:var(--edge);border-radius:.1rem}.strip rect{fill:var(--bar)}
figcaption{display:flex;justify-content:space-between;gap:.6rem;color:var(--soft);font-size:.75rem;margin-top:.15rem}
figcaption span{white-space:nowrap}figcaption span:nth-child(2){white-space:normal;text-align:center}
progress{width:100%;height:.55rem;accent-color:var(--line);display:block;margin:.25rem 0 0}
.held{background:var(--badtint);border-radius:.4rem;padding:.6rem .8rem;margin:.7rem 0}
.held p{margin:0 0 .3rem}.held ul{columns:2 16rem}
.held ul,details ul{margin:.2rem 0;padding-left:1.1rem;font-size:.88rem}
details{margin-top:.6rem;font-size:.9rem}summary{cursor:pointer;color:var(--soft)}
code{font:.9em/1.5 ui-monospace,"DejaVu Sans Mono","Liberation Mono",monospace}
.command{display:block;background:var(--back);border:1px solid var(--edge);border-radius:.3rem;padding:.3rem .6rem;
user-select:all}
footer{color:var(--soft);font-size:.82rem;margin:2rem 0 0;border-top:1px solid var(--edge);padding-top:.6rem}
"""

# A page that is left open must not look well when the watcher is gone; and what somebody reads or marks stays.
SCRIPT = """
(()=>{let last=Date.now();const stale=document.getElementById("stale");
const again=async()=>{if(document.hidden||!getSelection().isCollapsed)return;try{
const answer=await fetch(location.origin+location.pathname,{cache:"no-store"});
if(!answer.ok)throw new Error("HTTP "+answer.status);
const page=new DOMParser().parseFromString(await answer.text(),"text/html"),main=document.querySelector("main");
const open=new Map([...main.querySelectorAll("details")].map(one=>[one.id,one.open]));
page.querySelectorAll("main details").forEach(one=>{if(open.has(one.id))one.open=open.get(one.id)});
main.replaceWith(document.adoptNode(page.querySelector("main")));document.title=page.title;
document.querySelector("link[rel=icon]").href=page.querySelector("link[rel=icon]").href;
last=Date.now();document.body.classList.remove("stale")}catch(error){
stale.textContent="No answer since "+new Date(last).toLocaleTimeString()+" ("+error.message+"): what is below is old.";
document.title="lockstep: no answer";document.body.classList.add("stale")}};
setInterval(again,5000);document.addEventListener("visibilitychange",again)})();
"""


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


POLICY = (
    f"default-src 'none'; style-src {_digest(CSS)}; script-src {_digest(SCRIPT)}; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
