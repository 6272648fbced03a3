use std::path::Path;

use super::*;

#[test]
fn show() {
    for text in [
        "name = \"a\"\nlosses = [{ name = \"focl\", a = 2 }, {name=\"focal\", gama = 2}\nseeds = [1,1,2.0,-1]\n[train]\nepochs = 1e400\n[grid]\nlerning_rate=[1,2]\n",
        "[train\nepochs=3\n[grid]\nwidth=[1]",
        "[train]\nepochs=\n= 3\nwidth 5\nmomentum='a\n[grid]\nwidth=[1\n",
        "[train]\nepochs=\n= 3\nwidth 5\nmomentum='a'x\n[[train]]\nnesterov=True\n",
        "name = 'a'\ndescription = \"\"\"\nlosses=[1]\nseeds=[2]\n",
        "train.epochs = 3\ntrain = 3\n[[grid]]\nwidth=[1]\n",
        "[train]\nstep_epochs = 5\nnoise=0.2\nnesterov=true\n[grid]\nmomentum=[0.9,0,0.0]\nepochs=[1,200]\nwarmup_epochs=[2,3]\n",
        "[train]\ndecay_norm_and_bias=false\nweight_decay=0\nschedule='step'\nepochs=60\nwidth=1e3\nbackend='cpu'\nthreads=0\n[grid]\nschedule=['step', 'cosine']",
    ] {
        match parse(text, Path::new("a.toml")) {
            Ok(s) => println!("{s:?}"),
            Err(d) => println!("{d}\n======="),
        }
    }
    for text in [
        "focal",
        "focl",
        "{ name = 'focal', gamma = 1 } x",
        " \n{ name = 'focal' }\n",
        "",
        "{ name = ",
        "{name='sum', terms=[{name='focal'}], weights=[0]}",
        "3",
    ] {
        match parse_loss(text) {
            Ok(s) => println!("{s}"),
            Err(d) => println!("{d}\n======="),
        }
    }
}
