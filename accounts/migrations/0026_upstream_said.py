from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0025_sign_out_at_upstreams'),
    ]

    operations = [
        migrations.AddField(
            model_name='upstreamsession',
            name='sealed_said',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
    ]
