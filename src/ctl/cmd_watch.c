#include "ctl/cmd.h"
#include "ctl/ctl.h"
int cmd_watch(struct ctl *ctl) { (void)ctl; return 0; }
