"""stub"""
import sys, time
from maestro.conductor import snapshot
from maestro.report.study import open_study
from maestro.errors import MaestroError
import os
def show(directories, layout="flat", theme=True, pager=True):
    code=0
    for d in directories:
        try: s=open_study(d)
        except MaestroError as e:
            print(e,file=sys.stderr); code=1; continue
        print(*snapshot.COLUMNS)
        for t in s.tasks(): print(*snapshot.row(t,time.time()))
    return code
