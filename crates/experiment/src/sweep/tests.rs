use std::path::Path;

use super::*;

#[test]
fn show() {
    for text in [
        "model = resnet18\nnmae = 1\n[train]\nmodel = resnet18\nepochs = 'a'\n",
        "name = \"a\"\nlosses = [{ name = \"focl\", a = 2 }, {name=\"focal\", gama = 2}\nseeds = [1,1,2.0,-1]\n[train]\nepochs = 1e400\n[grid]\nlerning_rate=[1,2]\n",
        "name = \"a\nlosses = [{ name = \"focl\", a = 2 }, {name=\"focal\", gama = 2}]\nseeds = [1,1,2.0,-1]\n[train]\nepochs = 1e400\n[grid]\nlerning_rate=[1,2]\n",
        "name = \"a\"\nlosses = [{ name = \"focl\", a = 2 }, {name=\"focal\", gama = -2}]\nseeds = [1,1,2.0,-1]\nseeds=[5]\n[train]\nepochs = 1e400\nlearning_rate = [1.0]\n[grid]\nlerning_rate=[1,2]\nmomentum=0.9\nwidth=[8,8.0,8]\nseeds=3\n",
        "",
        "\u{feff}näme = \t\"x\"\r\nseeds\t= [1, \"ü\", 2020-01-01]\r\nlosses = [\"focal\"]",
    ] {
        match parse(text, Path::new("a.toml")) { Ok(s) => println!("{s:?}"), Err(d) => println!("{d}\n=======") }
    }
    for text in ["focal", "focl", "{ name = 'focal', gamma = 1 } x", " \n{ name = 'focal' }\n", "", "{ name = ", "{name='sum', terms=[{name='focal'}], weights=[0]}", "3"] {
        match parse_loss(text) { Ok(s) => println!("{s}"), Err(d) => println!("{d}\n=======") }
    }
}
