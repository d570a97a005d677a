from pathlib import Path
from labform.plan.page import Page
N=[0]
def page_of(text):
    N[0]+=1
    Path(f'/tmp/plan/pv-{N[0]}.json').write_text(text)
    return Page("x")
